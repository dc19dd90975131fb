import { describe, expect, it } from "vitest";
import { deflatedArchive, rawArchive } from "../../test/golden/npz/archives.ts";
import { goldenFile, goldenTensors } from "../../test/golden/tensor-files.ts";
import { InputError } from "../errors.ts";
import { fold, fromNumbers, rngKey, type Tensor, uniform, zeros } from "../tensor/index.ts";
import { type ByteSource, blobSource, bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { encodeNpy } from "./npy-writer.ts";
import { openNpz } from "./npz-reader.ts";
import { encodeNpz } from "./npz-writer.ts";
import { encodeZip } from "./zip-writer.ts";

function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(pieces));
}

function read(bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, Tensor>> {
  return openNpz(bytesSource("net.npz", bytes)).then(readAll);
}

async function failure(bytes: Uint8Array<ArrayBuffer>): Promise<InputError> {
  const error = await read(bytes).then(String, (e) => e);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/^net\.npz[^\n]*; [^\n]+$/);
  return error;
}

describe("openNpz", () => {
  it.each(["dtypes", "shapes", "layouts", "compressed", "nothing"])("reads what NumPy wrote: %s", async (name) => {
    const path = `npz/${name}.npz`;
    expect(await read(goldenFile(path))).toEqual(await goldenTensors(path));
    expect(await readAll(await openNpz(blobSource(new Blob([goldenFile(path)]))))).toEqual(await goldenTensors(path));
  });

  it("lists arrays of other types and refuses to read them, while the others stay readable", async () => {
    const checkpoint = await openNpz(bytesSource("net.npz", goldenFile("npz/unsupported.npz")));
    const types = [...checkpoint.entries].map(([name, { storedType, dtype }]) => [name, storedType, dtype]);
    expect(types).toEqual([
      ["object", "|O", null],
      ["structured", "structured", null],
      ["complex", "<c8", null],
      ["text", "<U2", null],
      ["float8", "<V1", null],
      ["plain", "<f4", "float32"],
    ]);
    await expect(checkpoint.read("object")).rejects.toThrow(
      'net.npz, tensor "object": an array of Python objects is a pickle, which is never run; save it as',
    );
    await expect(checkpoint.read("complex")).rejects.toThrow("<c8 elements cannot be read");
    await expect(checkpoint.read("missing")).rejects.toThrow('no tensor "missing" among its 6');
    expect((await checkpoint.read("plain")).data).toEqual(new Float32Array([0.5]));
  });

  it("reads one array by reads of its own entry", async () => {
    const bytes = goldenFile("npz/shapes.npz");
    const reads: [number, number][] = [];
    const read = async (offset: number, length: number) => {
      reads.push([offset, length]);
      return bytes.slice(offset, offset + length);
    };
    const source: ByteSource = { ...bytesSource("shapes", bytes), read };
    const checkpoint = await openNpz(source);
    reads.length = 0;
    await checkpoint.read("matrix");
    const header = Buffer.from(bytes).indexOf("matrix.npy") - 30;
    expect(reads).toEqual([
      [header, 40],
      [header + 60, 128 + 48],
    ]);
  });

  it("leaves out what is no array, but wants some", async () => {
    const notes = { name: "notes.txt", pieces: [new Uint8Array(3)] };
    const array = { name: "w.npy", pieces: encodeNpy(zeros("float32", [2])) };
    expect(await read(join(encodeZip([notes, array])))).toEqual({ w: zeros("float32", [2]) });
    expect((await failure(join(encodeZip([notes])))).code).toBe("not-npz");
  });

  it("notices a changed element by its checksum", async () => {
    const bytes = goldenFile("npz/shapes.npz");
    const at = bytes.length - 1 - [...bytes].reverse().indexOf(0x93) + 128;
    bytes[at] = (bytes[at] as number) ^ 1;
    expect((await failure(bytes)).message).toContain("contents of checksum");
  });

  it("neither allocates nor inflates what a header or a directory merely claims", async () => {
    const header = encodeNpy(zeros("float32", [0]))[0] as Uint8Array<ArrayBuffer>;
    const claim = Buffer.from(header)
      .toString("latin1")
      .replace(/\(0,\)(.*) {12}/, "(1000000000000,)$1");
    const lying = new Uint8Array(Buffer.from(claim, "latin1"));
    expect((await failure(deflatedArchive("w.npy", lying))).message).toContain("needs 4000000000000 bytes, 0 follow");
    const bomb = join([...encodeNpy(zeros("float32", [2])), new Uint8Array(4e6)]);
    expect((await failure(deflatedArchive("w.npy", bomb))).message).toContain("needs 8 bytes, 4000008 follow");
    const truth = bomb.length - 4e6;
    expect((await failure(deflatedArchive("w.npy", bomb, { length: truth }))).message).toContain(
      "once inflated, got more",
    );
    expect((await failure(deflatedArchive("w.npy", lying, { length: 2 ** 31 }))).message).toContain("cannot stand for");
    expect((await failure(rawArchive("w.npy", lying, { length: 2 ** 31 }))).message).toContain("cannot stand for");
  });
});

describe("a damaged npz archive", () => {
  const stored = join(encodeNpz({ a: fromNumbers("float32", [1, 2, 3], [3, 1]), b: zeros("bool", []) }));
  const deflated = deflatedArchive("a.npy", join(encodeNpy(fromNumbers("float64", [1, 2, 3]))), {});

  it.each([
    ["stored", stored],
    ["deflated", deflated],
  ])("%s is an error when cut anywhere", async (_, whole) => {
    for (let length = 0; length < whole.length; length++) await failure(whole.slice(0, length));
  });

  it.each([
    ["stored", stored],
    ["deflated", deflated],
  ])("%s is an InputError or still consistent, whichever byte is changed", async (_, whole) => {
    const intact = Object.values(await read(whole)).map(({ data }) => data);
    for (let at = 0; at < whole.length; at++) {
      for (const value of uniform(fold(rngKey(4), at), [3]).data) {
        const bytes = whole.slice();
        bytes[at] = value * 256;
        const result = await read(bytes).catch((error) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(InputError);
        else for (const { data } of Object.values<Tensor>(result)) expect(intact).toContainEqual(data);
      }
    }
  });
});

describe("encodeNpz", () => {
  it.each(["dtypes", "shapes", "nothing"])("writes the bytes of numpy.savez: %s", async (name) => {
    const path = `npz/${name}.npz`;
    const tensors = await goldenTensors(path);
    const order = [...(await openNpz(bytesSource(name, goldenFile(path)))).entries.keys()];
    const named = order.map((key) => [key, tensors[key] as Tensor] as const);
    expect(join(encodeNpz(named))).toEqual(goldenFile(path));
    expect(join(encodeNpz(Object.fromEntries(named)))).toEqual(goldenFile(path));
  });

  it("copies no tensor", () => {
    const weight = fromNumbers("float32", [1, 2]);
    expect(encodeNpz({ weight })[2]?.buffer).toBe(weight.data.buffer);
  });

  it("refuses what NumPy could not give back", () => {
    const x = zeros("float32", [1]);
    const twice = [
      ["w", x],
      ["w", x],
    ] as const;
    expect(() => encodeNpz(twice)).toThrow('npz: two tensors are called "w"; rename one');
    expect(() => encodeNpz({ w: zeros("bfloat16", [1]) })).toThrow(
      'npz, tensor "w": NumPy has no bfloat16; write safe',
    );
  });
});
