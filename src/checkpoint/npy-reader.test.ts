import { describe, expect, it } from "vitest";
import { goldenFile, goldenTensors } from "../../test/golden/tensor-files.ts";
import { InputError } from "../errors.ts";
import {
  dtypes,
  fold,
  fromNumbers,
  rngKey,
  type Tensor,
  tensorBytes,
  tensorFromBytes,
  uniform,
  zeros,
} from "../tensor/index.ts";
import { bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { openNpy } from "./npy-reader.ts";
import { encodeNpy } from "./npy-writer.ts";

function join(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(pieces));
}

/** A file of version 1 with this header and `dataBytes` zeros. */
function file(header: string, dataBytes: number): Uint8Array<ArrayBuffer> {
  const prefix = Uint8Array.of(
    0x93,
    ...new TextEncoder().encode("NUMPY"),
    1,
    0,
    header.length & 255,
    header.length >> 8,
  );
  return join([prefix, Buffer.from(header, "latin1"), new Uint8Array(dataBytes)]);
}

function read(bytes: Uint8Array<ArrayBuffer>): Promise<Record<string, Tensor>> {
  return openNpy(bytesSource("net.npy", bytes)).then(readAll);
}

async function failure(bytes: Uint8Array<ArrayBuffer>): Promise<InputError> {
  const error = await read(bytes).then(String, (e) => e);
  expect(error).toBeInstanceOf(InputError);
  expect(error.message).toMatch(/^net\.npy[^\n]*; [^\n]+$/);
  expect(error.message.length).toBeLessThan(400);
  return error;
}

describe("openNpy", () => {
  it.each(["version-1", "version-2", "version-3", "bfloat16", "python-2"])(
    "reads what NumPy wrote: %s",
    async (name) => {
      const path = `npz/${name}.npy`;
      expect(await read(goldenFile(path))).toEqual(await goldenTensors(path));
    },
  );

  it("reads any spelling of the header that Python's grammar allows", async () => {
    const spellings = [
      `{'descr':'<f4','fortran_order':False,'shape':(1,2)}`,
      `{"shape": (1L, 2L,), "fortran_order": True, "descr": "<f4",}\n`,
      ` { 'descr' : '<f4' , 'shape' : [ 1 , 2 ] , 'fortran_order' : False , } \n`,
    ];
    for (const header of spellings) {
      expect((await read(file(header, 8))).arr_0).toEqual(zeros("float32", [1, 2]));
    }
  });
});

const shaped = (shape: string, descr = "'<f4'", order = "False") =>
  `{'descr': ${descr}, 'fortran_order': ${order}, 'shape': ${shape}, }`;

const hostile: readonly (readonly [string, string, number, string])[] = [
  ["code for a shape", shaped("__import__('os').system('true')"), 0, "bad-header"],
  ["code for a descr", shaped("()", "__import__('os')"), 4, "bad-header"],
  ["code for the whole", "__import__('os').system('true')", 4, "bad-header"],
  ["an expression", shaped("(1+1,)"), 8, "bad-header"],
  ["a call of a tuple", shaped("(2,)()"), 8, "bad-header"],
  ["a name for the order", shaped("(2,)", "'<f4'", "false"), 8, "bad-header"],
  ["a number for the order", shaped("(2,)", "'<f4'", "0"), 8, "bad-header"],
  ["a string with an escape", shaped("(2,)", "'\\x3cf4'"), 8, "bad-header"],
  ["a negative size", shaped("(-2,)"), 8, "bad-header"],
  ["a fractional size", shaped("(2.0,)"), 8, "bad-header"],
  ["a size beyond 2^53", shaped("(9007199254740993,)"), 8, "bad-header"],
  ["a size beyond 2^64", shaped("(18446744073709551618,)"), 8, "bad-header"],
  ["a size that is a truth value", shaped("(True,)"), 4, "bad-header"],
  ["a nested shape", shaped("((2,),)"), 8, "bad-header"],
  ["no tuple", shaped("2"), 8, "bad-header"],
  ["sizes whose product overflows", shaped("(4294967296, 4294967296)"), 0, "bad-shape"],
  ["sizes that wrap round 64 bits", shaped("(4294967297, 6700417, 641)", "'|u1'"), 1, "bad-shape"],
  ["65 axes", shaped(`(${"1,".repeat(65)})`), 4, "bad-header"],
  ["deep nesting", shaped("(".repeat(5000)), 4, "bad-header"],
  ["more elements than bytes", shaped("(1000000000000,)"), 8, "truncated"],
  ["fewer elements than bytes", shaped("(1,)"), 8, "bad-shape"],
  ["a repeated key", "{'shape': (), 'shape': (), 'descr': '<f4', 'fortran_order': False}", 4, "bad-header"],
  ["a missing key", "{'descr': '<f4', 'shape': ()}", 4, "bad-header"],
  ["a key too many", "{'descr': '<f4', 'fortran_order': False, 'shape': (), 'x': 1}", 4, "bad-header"],
  ["no end", "{'descr': '<f4', 'fortran_order': False, 'shape': (2,", 8, "bad-header"],
  ["text after its end", `${shaped("()")}x`, 4, "bad-header"],
  ["two commas", "{'descr': '<f4',, 'fortran_order': False, 'shape': ()}", 4, "bad-header"],
  ["only a comma", shaped("(,)"), 4, "bad-header"],
  ["nothing", "", 4, "bad-header"],
  ["objects", shaped("(2,)", "'|O'"), 8, "unsupported-dtype"],
  ["structures", shaped("(1,)", "[('x', '<f4'), ('y', [('z', '<i8', (2,))])]"), 20, "unsupported-dtype"],
  ["complex numbers", shaped("(1,)", "'<c8'"), 8, "unsupported-dtype"],
  ["opaque bytes", shaped("(1,)", "'|V2'"), 2, "unsupported-dtype"],
  ["no byte order", shaped("(1,)", "'f4'"), 4, "unsupported-dtype"],
  ["a byte order of none", shaped("(1,)", "'|f4'"), 4, "unsupported-dtype"],
];

describe("a hostile npy header", () => {
  it.each(hostile)("of %s is one clear error", async (_, header, dataBytes, code) => {
    expect((await failure(file(header, dataBytes))).code).toBe(code);
  });

  it("of another magic, version or length is one clear error", async () => {
    const patched = (at: number, ...values: number[]) => {
      const bytes = goldenFile("npz/version-2.npy");
      bytes.set(values, at);
      return bytes;
    };
    expect((await failure(patched(0, 0x92))).code).toBe("not-npy");
    expect((await failure(patched(6, 4))).message).toContain("version 4.0 is none of");
    expect((await failure(patched(7, 1))).message).toContain("version 2.1 is none of");
    expect((await failure(patched(8, 255, 255, 255, 255))).code).toBe("truncated");
    expect((await failure(join([patched(8, 0, 0, 32), new Uint8Array(3e6)]))).message).toContain(
      "at most 1048576 bytes",
    );
    const notUtf8 = goldenFile("npz/version-3.npy");
    notUtf8[14] = 0xff;
    expect((await failure(notUtf8)).message).toContain("expected a header in UTF-8");
  });
});

describe("a damaged npy file", () => {
  it.each(["version-1", "version-3"])("is an error when cut anywhere: %s", async (name) => {
    const whole = goldenFile(`npz/${name}.npy`);
    for (let length = 0; length < whole.length; length++) await failure(whole.slice(0, length));
  });

  it("is an InputError or still an array of as many bytes, whichever byte is changed", async () => {
    const whole = goldenFile("npz/version-3.npy");
    for (let at = 0; at < whole.length; at++) {
      for (const value of uniform(fold(rngKey(3), at), [8]).data) {
        const bytes = whole.slice();
        bytes[at] = value * 256;
        const result = await read(bytes).catch((error) => error);
        if (result instanceof Error) expect(result).toBeInstanceOf(InputError);
        else expect(tensorBytes(result.arr_0).length).toBe(48);
      }
    }
  });
});

describe("encodeNpy", () => {
  it("writes the bytes of numpy.save", async () => {
    const { arr_0 } = await goldenTensors("npz/version-1.npy");
    expect(join(encodeNpy(arr_0 as Tensor))).toEqual(goldenFile("npz/version-1.npy"));
  });

  it("is undone by the reader", async () => {
    for (const dtype of dtypes.filter((name) => name !== "bfloat16")) {
      for (const shape of [[], [0], [3], [2, 0, 3], [2, 3], Array(64).fill(1)]) {
        const bytes = tensorBytes(zeros(dtype, shape)).map((_, i) => (dtype === "bool" ? i & 1 : 37 * i));
        const tensor = tensorFromBytes(dtype, shape, bytes);
        const encoded = join(encodeNpy(tensor));
        expect((encoded.length - bytes.length) % 64).toBe(0);
        expect((await read(encoded)).arr_0).toEqual(tensor);
      }
    }
  });

  it("copies no tensor", () => {
    const weight = fromNumbers("float32", [1, 2]);
    expect(encodeNpy(weight)[1]?.buffer).toBe(weight.data.buffer);
  });

  it("refuses the type that NumPy lacks", () => {
    expect(() => encodeNpy(zeros("bfloat16", [2]))).toThrow(
      "npy: NumPy has no bfloat16; write safetensors, or convert to float32 first",
    );
  });
});
