import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  bytesOf,
  type Code,
  call,
  dict,
  global,
  integer,
  littleEndian,
  named,
  pickleOf,
  tensorCode,
  text,
  torchArchive,
  tuple,
} from "../../test/golden/pytorch/assemble.ts";
import { goldenFile, goldenTensors } from "../../test/golden/tensor-files.ts";
import { InputError } from "../errors.ts";
import { fold, rngKey, type Tensor, uniform } from "../tensor/index.ts";
import { type ByteSource, blobSource, bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { openPytorch } from "./pytorch-reader.ts";

function read(bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, Tensor>> {
  return openPytorch(named(bytes)).then(readAll);
}

async function valuesOf(code: Code): Promise<Record<string, number[]>> {
  const tensors = await read(torchArchive(code));
  return Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, [...data].map(Number)]));
}

async function failure(bytes: Uint8Array<ArrayBuffer>): Promise<InputError> {
  const error = await read(bytes).then(String, (e) => e);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/^net\.pt[^\n]*; [^\n]+$/);
  expect(error.message.length).toBeLessThan(400);
  return error;
}

const goldens = [
  ...["state-dict", "module", "old-dtypes", "checkpoint", "views"].flatMap((name) => [name, `legacy-${name}`]),
  ...["new-dtypes", "wrapped", "several", "two-states", "tensor", "protocol-3", "protocol-4", "protocol-5"],
  ...["small", "legacy-small", "big-endian", "python-2"],
];

describe("openPytorch", () => {
  it.each(goldens)("reads what PyTorch wrote: %s", async (name) => {
    const path = `pytorch/${name}.pt`;
    const tensors = await goldenTensors(path);
    expect(await read(goldenFile(path))).toEqual(tensors);
    expect(await readAll(await openPytorch(blobSource(new Blob([goldenFile(path)]))))).toEqual(tensors);
  });

  it("lists a module in the order of its state dict", async () => {
    const [module, state] = await Promise.all(
      ["module", "state-dict"].map((name) => openPytorch(named(goldenFile(`pytorch/${name}.pt`)))),
    );
    expect([...(module?.entries.keys() ?? [])]).toEqual([...(state?.entries.keys() ?? [])]);
  });

  it.each(["views", "legacy-views"])("says which tensors are the same view of the same memory: %s", async (name) => {
    const { entries } = await openPytorch(named(goldenFile(`pytorch/${name}.pt`)));
    const ties = [...entries].filter(([, entry]) => entry.sharedWith).map(([key, entry]) => [key, entry.sharedWith]);
    expect(ties).toEqual([
      ["tied.b", "tied.a"],
      ["tied.same", "tied.a"],
    ]);
  });

  it("ties a module that is used twice", async () => {
    const { entries } = await openPytorch(named(goldenFile("pytorch/module.pt")));
    expect(entries.get("3.weight")).toMatchObject({
      sharedWith: "0.weight",
      shape: [3, 2],
      dtype: "float32",
      length: 24,
    });
  });

  it("reads a tensor by its own bytes, and a view by those from its first element to its last", async () => {
    const bytes = goldenFile("pytorch/views.pt");
    const reads: [number, number][] = [];
    const source: ByteSource = {
      ...bytesSource("views", bytes),
      read: async (offset, length) => {
        reads.push([offset, length]);
        return bytes.slice(offset, offset + length);
      },
    };
    const checkpoint = await openPytorch(source);
    const header = Buffer.from(bytes).indexOf("views/data/0") - 30;
    const start = Buffer.from(bytes).indexOf(new Uint8Array(new Float32Array([0, 1, 2, 3]).buffer));
    for (const [name, offset, length] of [
      ["base", 0, 96],
      ["rows", 24, 48],
      ["element", 60, 4],
      ["columns", 4, 4 * (3 * 6 + 2 + 1)],
      ["expanded", 24, 4],
      ["empty", 0, 0],
    ] as const) {
      reads.length = 0;
      await checkpoint.read(name);
      expect(reads).toEqual([
        [header, 42],
        [start + offset, length],
      ]);
    }
  });

  it("opens a file by reading its directory and its pickle, but no storage", async () => {
    const size = 2 ** 20;
    const code = dict({ w: tensorCode({ count: size / 4, size: [size / 4] }) });
    const bytes = torchArchive(code, { "0": new Uint8Array(size), "1": new Uint8Array(size) });
    let taken = 0;
    const read = async (offset: number, length: number) => {
      taken += length;
      return bytes.slice(offset, offset + length);
    };
    const checkpoint = await openPytorch({ name: "net.pt", size: bytes.length, read });
    expect(checkpoint.entries.get("w")?.length).toBe(size);
    expect(taken).toBeLessThan(2 ** 17);
  });

  it("lists what a packer compressed and refuses to read it", async () => {
    const checkpoint = await openPytorch(named(goldenFile("pytorch/rezipped.pt")));
    expect([...checkpoint.entries.keys()]).toEqual(["a", "b"]);
    await expect(checkpoint.read("b")).rejects.toThrow(
      'net.pt, entry "renamed/data/1": expected a storage as it is in memory, got a compressed or encrypted one; write',
    );
  });

  it("lists tensors of other types and refuses to read them, while the others stay readable", async () => {
    const checkpoint = await openPytorch(named(goldenFile("pytorch/unsupported.pt")));
    const types = [...checkpoint.entries].map(([name, { storedType, dtype, length }]) => [
      name,
      storedType,
      dtype,
      length,
    ]);
    expect(types).toEqual([
      ["complex", "complex64", null, 48],
      ["float8", "float8_e4m3fn", null, 4],
      ["quantised", "qint8", null, 2],
      ["negated", "lazily negated or conjugated float32", null, 8],
      ["plain", "float32", "float32", 8],
    ]);
    await expect(checkpoint.read("float8")).rejects.toThrow(
      'net.pt, tensor "float8": float8_e4m3fn elements cannot be read; convert them to float16 or float32 first',
    );
    await expect(checkpoint.read("missing")).rejects.toThrow('no tensor "missing" among its 5 ("complex", ');
    expect([...(await checkpoint.read("plain")).data]).toEqual([1, 1]);
  });

  it("runs nothing that a pickle names, and reads the tensors beside it", async () => {
    const path = "pytorch/malicious.pt";
    expect(new TextDecoder("latin1").decode(goldenFile(path))).toContain("system");
    expect(await read(goldenFile(path))).toEqual(await goldenTensors(path));
    expect(existsSync("/tmp/orbifold-pickle-was-run")).toBe(false);
  });

  it("refuses what is no checkpoint of weights", async () => {
    expect((await failure(goldenFile("pytorch/torchscript.pt"))).message).toContain("got a TorchScript program");
    expect((await failure(new Uint8Array())).code).toBe("not-pytorch");
    expect((await failure(bytesOf("PK no archive"))).code).toBe("truncated");
    expect((await failure(pickleOf("K\x01"))).code).toBe("truncated");
    expect((await failure(bytesOf(`\x80\x02K\x01.\x80\x02K\x01.`))).code).toBe("not-pytorch");
    expect((await failure(goldenFile("npz/shapes.npz"))).code).toBe("not-pytorch");
    const tar = new Uint8Array(1024);
    tar.set(new TextEncoder().encode("ustar"), 257);
    expect((await failure(tar)).message).toContain("got a tar archive; load it with PyTorch and save it again");
  });
});

const two = tensorCode({});
const first = tensorCode({ size: [1] });

describe("the names of tensors", () => {
  it("are plain under the one key that is known to hold the state", async () => {
    for (const key of ["state_dict", "model_state_dict", "model", "module", "net", "params"]) {
      const code = dict({ epoch: integer(1), optimizer: dict({ momentum: two }), [key]: dict({ "module.w": two }) });
      expect(await valuesOf(code)).toEqual({ "module.w": [1, 2] });
    }
  });

  it("are paths where no key or several hold the state", async () => {
    expect(await valuesOf(dict({ a: two, b: tuple(first, dict({ c: two })) }))).toEqual({
      a: [1, 2],
      "b.0": [1],
      "b.1.c": [1, 2],
    });
    expect(await valuesOf(dict({ model: text("mlp"), net: integer(1), w: two }))).toEqual({ w: [1, 2] });
    expect(await valuesOf(dict({ model: two, net: first }))).toEqual({ model: [1, 2], net: [1] });
  });

  it("are those of members of every object, too", async () => {
    const tensors = await valuesOf(dict({ constructor: two, toString: first }));
    expect(Object.keys(tensors)).toEqual(["constructor", "toString"]);
  });

  it("leave out what a call of foreign code would make", async () => {
    const call1 = call("os", "system", two);
    const call2 = call("my.module", "make", dict({ w: two }));
    const instance = `${global("my.module", "Thing")}(${two}t\x81${dict({ w: two })}b`;
    expect(await valuesOf(dict({ call1, call2, instance, w: first }))).toEqual({ w: [1] });
    const module = dict({ _parameters: dict({ w: two }), _buffers: "}", _modules: "}" });
    expect(await valuesOf(`${call("os", "system", text("true"))}${module}b`)).toEqual({});
    expect(await valuesOf(`${global("my", "Net")})\x81${module}b`)).toEqual({ w: [1, 2] });
  });

  it("are refused where two tensors would have one", async () => {
    const error = await failure(torchArchive(dict({ "a.b": two, a: dict({ b: two }) })));
    expect(error.message).toContain('two tensors are called "a.b"');
  });
});

/** A dict that holds the one before it twice, `levels` deep. */
function laughs(levels: number, leaf: Code): Code {
  const level = (n: number) => {
    const place = String.fromCharCode(n);
    return `q${place}}(${text("a")}h${place}${text("b")}h${place}u`;
  };
  return leaf + Array.from({ length: levels }, (_, n) => level(n)).join("");
}

describe("a hostile object", () => {
  it("that contains itself is walked once", async () => {
    expect(await valuesOf(`}q\x00(${text("self")}h\x00${text("w")}${two}u`)).toEqual({ w: [1, 2] });
    expect(await valuesOf(`]q\x00h\x00a${two}a`)).toEqual({ "1": [1, 2] });
    const wrapped = `]q\x00${global("torch._utils", "_rebuild_parameter")}h\x00Ra`;
    expect(await valuesOf(wrapped)).toEqual({});
  });

  it("that holds its parts again and again costs no more than they do", async () => {
    expect(await valuesOf(laughs(90, "}"))).toEqual({});
    expect(Object.keys(await valuesOf(laughs(10, two)))).toHaveLength(1024);
    expect((await failure(torchArchive(laughs(60, two)))).message).toContain("at most 262144 tensors");
  });

  it("that nests deeply is one clear error", async () => {
    const deep = `${"]".repeat(1e5)}${"a".repeat(1e5 - 1)}`;
    expect((await failure(torchArchive(deep))).message).toContain("nest deeper than 100 levels");
    const parameter = global("torch._utils", "_rebuild_parameter");
    expect(await valuesOf(`${parameter.repeat(1000)}${two}${"\x85R".repeat(1000)}`)).toEqual({});
  });

  it("that shares one long list among many is one clear error, soon", async () => {
    const pairs = `](${tuple(text("w"), integer(1)).repeat(1e5)}eq\x00`;
    const copies = `(${`${global("collections", "OrderedDict")}h\x00\x85R`.repeat(1000)}t`;
    expect((await failure(torchArchive(`${pairs}${copies}\x86`))).message).toContain("at most 8388608 items");
  });
});

const hostileTensors: readonly (readonly [string, Code, string])[] = [
  ["a missing storage", tensorCode({ key: "9" }), "the file has no storage for it"],
  ["a storage outside the folder", tensorCode({ key: "../data.pkl" }), "the file has no storage for it"],
  ["more elements than the storage", tensorCode({ size: [3] }), "lies in bytes 0 to 12 of a storage of 8"],
  ["a storage said to be larger", tensorCode({ count: 3 }), "its storage takes 12 bytes, the file has 8"],
  ["an offset beyond the storage", tensorCode({ offset: 1 }), "lies in bytes 4 to 12 of a storage of 8"],
  ["a huge offset", tensorCode({ offset: 2 ** 53 - 1 }), "of a storage of 8"],
  ["a negative offset", tensorCode({ offset: -1 }), "expected a storage, an offset"],
  ["a stride beyond the storage", tensorCode({ stride: [2] }), "lies in bytes 0 to 12 of a storage of 8"],
  ["a negative stride", tensorCode({ stride: [-1] }), "expected a storage, an offset"],
  ["a negative size", tensorCode({ size: [-2] }), "expected a storage, an offset"],
  ["too few strides", tensorCode({ size: [1, 2] }), "expected a storage, an offset"],
  ["65 axes", tensorCode({ size: Array(65).fill(1), stride: Array(65).fill(1) }), "expected a storage, an offset"],
  ["sizes whose product overflows", tensorCode({ size: [2 ** 30, 2 ** 30], stride: [0, 0] }), "beyond 2^53 - 1"],
  [
    "a repetition of 10^12",
    tensorCode({ size: [1e12], stride: [0] }),
    "the tensors take 4000000000000 bytes, a file of",
  ],
  [
    "a repetition of 10^12 on another axis",
    tensorCode({ size: [2, 1e12], stride: [1, 0] }),
    "the tensors take 8000000000000",
  ],
  ["an unknown storage", tensorCode({ storage: "EvilStorage" }), "expected a storage, an offset"],
  ["no arguments", call("torch._utils", "_rebuild_tensor_v2"), "expected a storage, an offset"],
  [
    "numbers for arguments",
    call("torch._utils", "_rebuild_tensor_v2", ..."KKKK".split("").map((k) => `${k}\x01`)),
    "expected a storage",
  ],
];

describe("a hostile tensor", () => {
  it.each(hostileTensors)("with %s is one clear error", async (_, code, message) => {
    const error = await failure(torchArchive(dict({ w: code })));
    expect(error.message).toContain('net.pt, tensor "w": ');
    expect(error.message).toContain(message);
  });

  it("repeated under many shapes takes no more memory than the file may stand for", async () => {
    const views = Array.from({ length: 100 }, (_, i) => [`${i}`, tensorCode({ size: [1e6 + i], stride: [0] })]);
    expect((await failure(torchArchive(dict(Object.fromEntries(views))))).message).toContain(
      "up to it the tensors take",
    );
  });

  it("beside others leaves them alone when it is empty", async () => {
    expect(await valuesOf(dict({ w: tensorCode({ size: [0, 2], stride: [2, 1], offset: 50 }) }))).toEqual({ w: [] });
  });
});

/** A legacy file of a tensor and its storage, some of whose parts can be replaced. */
function legacyFile({
  keys = [text("0")],
  count = 2,
  data = 8,
}: {
  keys?: Code[];
  count?: number | bigint;
  data?: number;
}) {
  const head = [
    `\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19`,
    integer(1001),
    "}",
    dict({ w: two }),
    `](${keys.join("")}e`,
  ];
  const pickles = head.map((code) => `\x80\x02${code}.`).join("");
  return bytesOf(`${pickles}${littleEndian(count, 8)}${"\x00".repeat(data)}`);
}

describe("a hostile legacy file", () => {
  it("with true counts is read", async () => {
    expect((await read(legacyFile({}))).w?.data).toEqual(new Float32Array(2));
  });

  it.each([
    ["more elements than bytes", legacyFile({ count: 3 }), "it takes 12 bytes, 8 are left"],
    ["fewer elements than the pickle says", legacyFile({ count: 1 }), "its storage takes 8 bytes, the file has 4"],
    ["a huge count", legacyFile({ count: 2n ** 62n }), "more than a file of"],
    ["a negative count", legacyFile({ count: -1 }), "it takes -1 elements"],
    ["a storage that nothing names", legacyFile({ keys: [text("1")] }), "no tensor says its element type"],
    ["a storage twice", legacyFile({ keys: [text("0"), text("0")] }), "it is listed twice"],
    ["a number for a storage", legacyFile({ keys: [integer(0)] }), "no tensor says its element type"],
    ["no storages", legacyFile({ keys: [] }), "the file has no storage for it"],
  ])("with %s is one clear error", async (_, bytes, message) => {
    expect((await failure(bytes)).message).toContain(message);
  });

  it("whose pickles are longer than the first read is read", async () => {
    const padded = new TextDecoder("latin1").decode(legacyFile({})).length;
    const long = bytesOf(
      Buffer.from(legacyFile({}))
        .toString("latin1")
        .replace("\x80\x02}.", `\x80\x02${text("x".repeat(3e6))}.`),
    );
    expect(long.length).toBeGreaterThan(padded + 2e6);
    expect((await read(long)).w?.data).toEqual(new Float32Array(2));
  });
});

describe("a damaged PyTorch file", () => {
  const files = ["small", "legacy-small"].map((name) => [name, goldenFile(`pytorch/${name}.pt`)] as const);

  it.each(files)("is an error when cut anywhere: %s", async (_, whole) => {
    for (let length = 0; length < whole.length; length++) await failure(whole.slice(0, length));
  });

  it.each(files)("is an InputError or still consistent, whichever byte is changed: %s", async (_, whole) => {
    for (let at = 0; at < whole.length; at++) {
      for (const value of uniform(fold(rngKey(5), at), [4]).data) {
        const bytes = whole.slice();
        bytes[at] = value * 256;
        const result = await read(bytes).catch((error) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(InputError);
        else for (const { data } of Object.values<Tensor>(result)) expect(data.byteLength).toBeLessThan(2 ** 26);
      }
    }
  });
});
