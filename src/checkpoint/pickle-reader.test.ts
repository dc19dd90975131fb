import { describe, expect, it } from "vitest";
import { bytesOf, type Code, littleEndian, pickleOf } from "../../test/golden/pytorch/assemble.ts";
import { goldenFile } from "../../test/golden/tensor-files.ts";
import { InputError } from "../errors.ts";
import { readPickle } from "./pickle-reader.ts";
import type { PickleValue } from "./pickle-values.ts";

const pickles: Record<string, string> = JSON.parse(new TextDecoder().decode(goldenFile("pytorch/pickles.json")));

function unpickle(code: Code): PickleValue {
  return readPickle(pickleOf(code), "net.pkl").value;
}

function failure(bytes: Uint8Array<ArrayBuffer>): InputError {
  try {
    readPickle(bytes, "net.pkl");
  } catch (error) {
    expect(error).toBeInstanceOf(InputError);
    expect((error as InputError).message).toMatch(/^net\.pkl: [^\n]+ of the pickle; [^\n]+$/);
    return error as InputError;
  }
  throw new Error("expected an error");
}

const plain = [
  ...[null, true, false, 0, 255, 256, 65535, 65536, -1, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, 2 ** 53 - 1, 2n ** 63n],
  -(2n ** 70n),
];
const floats = [0.1, -2.5, 1e300];
const texts = ["", "text", "é\n\\ 層 💥", "x".repeat(300)];
const called = { kind: "object", isInstance: false };

describe("readPickle", () => {
  it.each(Object.keys(pickles))("reads what Python wrote in protocol %s", (protocol) => {
    const bytes = new Uint8Array(Buffer.from(pickles[protocol] as string, "hex"));
    const { value, end } = readPickle(bytes, "net.pkl");
    const values = value as PickleValue[];
    expect(end).toBe(bytes.length);
    expect(values.slice(0, 15)).toEqual(plain);
    expect(values.slice(16, 19)).toEqual(floats);
    if (protocol > "0") expect(values[19]).toBe(Number.POSITIVE_INFINITY);
    expect(values.slice(20, 24)).toEqual(texts);
    if (protocol >= "3") expect(values[24]).toEqual(new Uint8Array());
    if (protocol >= "3") expect(values[25]).toEqual(Uint8Array.of(0, 255));
    if (protocol >= "5") expect(values[27]).toEqual(new TextEncoder().encode("ab"));
    const sequences = [[], [1], [1, 2], [1, 2, 3], [1, 2, 3, 4], [], [1], [0, 1, 2, 3, 4]];
    expect(values.slice(28, 36)).toEqual(sequences);
    const dicts = [
      [],
      [["a", 1]],
      [
        [1, "b"],
        ["c", []],
      ],
    ].map((entries) => new Map(entries as never));
    expect(values.slice(36, 39)).toEqual(dicts);
    if (protocol >= "4") expect(values.slice(39, 41)).toEqual([[1], [2]]);
    else expect(values[39]).toMatchObject({ ...called, args: [[1]] });
    expect(values[41]).toEqual(["shared"]);
    expect(values[42]).toBe(values[41]);
    expect(values[43]).toMatchObject({ ...called, callee: { name: "collections.OrderedDict" } });
    expect(values[44]).toMatchObject({ ...called, args: [1, 2] });
    const cycle = values[46] as PickleValue[];
    expect(cycle[0]).toBe(cycle);
  });

  it("gives integers beyond 128 bits as they are, without converting them", () => {
    const bytes = new Uint8Array(Buffer.from(pickles["2"] as string, "hex"));
    expect((readPickle(bytes, "").value as PickleValue[])[15]).toEqual(Uint8Array.from([...Array(25).fill(0), 1]));
    expect(unpickle(`L${"9".repeat(1e6)}L\n`)).toBe("9".repeat(1e6));
  });

  it("records calls, instances, attributes and persistent objects without making any", () => {
    expect(unpickle("cos\nsystem\n(S'true'\ntR")).toEqual({
      ...called,
      callee: { kind: "global", name: "os.system" },
      args: ["true"],
      state: null,
      items: null,
    });
    expect(unpickle("(S'true'\nios\nsystem\n")).toMatchObject({
      ...called,
      callee: { name: "os.system" },
      args: ["true"],
    });
    expect(unpickle("(cos\nsystem\nS'true'\no")).toMatchObject({ ...called, args: ["true"] });
    expect(unpickle("\x8c\x02os\x8c\x06system\x93)\x81")).toMatchObject({
      isInstance: true,
      callee: { name: "os.system" },
    });
    expect(unpickle("ca\nB\n)}\x92")).toMatchObject({ isInstance: true, args: [] });
    expect(unpickle("ca\nB\n)\x81}b")).toMatchObject({ state: new Map() });
    expect(unpickle("ca\nB\n)\x81(K\x01K\x02uK\x03K\x04sK\x05a")).toMatchObject({
      items: new Map([
        [1, 2],
        [3, 4],
      ]),
    });
    expect(unpickle("}}b")).toEqual(new Map());
    expect(unpickle("\x82\x07")).toMatchObject({ kind: "global", name: "copyreg extension.7" });
    expect(unpickle("\x83\x07\x01")).toMatchObject({ name: "copyreg extension.263" });
    expect(unpickle("\x84\x07\x01\x00\x00")).toMatchObject({ name: "copyreg extension.263" });
    const { persistent } = readPickle(pickleOf("(Pone\nK\x02Ql"), "");
    expect(persistent).toEqual([
      { kind: "persistent", id: "one" },
      { kind: "persistent", id: 2 },
    ]);
  });

  it("follows the stack, the marks and the memo", () => {
    expect(unpickle("K\x01K\x020")).toBe(1);
    expect(unpickle("K\x01(0")).toBe(1);
    expect(unpickle("K\x01(K\x02K\x031")).toBe(1);
    expect(unpickle("K\x012\x86")).toEqual([1, 1]);
    expect(unpickle("K\x07p3\n0g3\n")).toBe(7);
    expect(unpickle(`K\x07r${littleEndian(0xffffffff, 4)}0j${littleEndian(0xffffffff, 4)}`)).toBe(7);
    expect(unpickle("K\x07\x94K\x08\x94h\x00\x86")).toEqual([8, 7]);
    expect(unpickle("(K\x01K\x02d")).toEqual(new Map([[1, 2]]));
    expect(unpickle("I01\nI00\n\x86")).toEqual([true, false]);
    expect(unpickle("S'\\xc3\\xa9\\n'\n")).toBe("é\n");
    expect(unpickle("U\x02\xe9\x80")).toBe("é\x80");
    expect(unpickle(`T${littleEndian(2, 4)}\xc3\xa9`)).toBe("é");
  });
});

const hostile: readonly (readonly [string, Code, string])[] = [
  ["an unknown opcode", "\xff", "opcode 255 is none"],
  ["a buffer from elsewhere", "\x97", "opcode 151 is none"],
  ["a later protocol", "\x80\x06", "protocol 6 is later"],
  ["no end", "", "expected 1 bytes, got the 0"],
  ["a huge integer", `\x8b${littleEndian(2 ** 31 - 1, 4)}`, "expected 2147483647 bytes"],
  ["an integer of negative length", `\x8b${littleEndian(-1, 4)}`, "expected a length, got -1"],
  ["a huge text", `\x8d${littleEndian(-1, 8)}`, "expected 18446744073709552000 bytes"],
  ["a huge text of 32 bits", `X${littleEndian(-1, 4)}`, "expected 4294967295 bytes"],
  ["huge bytes", `\x8e${littleEndian(2n ** 62n, 8)}`, "bytes, got the 0"],
  ["a huge bytearray", `\x96${littleEndian(2n ** 62n, 8)}`, "bytes, got the 0"],
  ["a string of negative length", `T${littleEndian(-5, 4)}`, "expected a length, got -5"],
  ["an endless line", "cos", "expected a line"],
  ["no number", "Ix\n", "expected a whole number"],
  ["code for a number", "I__import__('os')\n", "expected a whole number"],
  ["text that is not UTF-8", "X\x01\x00\x00\x00\xff", "expected text in UTF-8"],
  ["an empty stack", ".", "expected a value on the stack"],
  ["a tuple of nothing", "\x85", "expected a value on the stack"],
  ["a value below a mark", "K\x01(\x85", "expected a value on the stack"],
  ["no mark", "K\x01t", "expected a mark"],
  ["nothing in the memo", "h\x05", "in the memo at 5"],
  ["a bad place in the memo", "K\x01p-1\n", "expected a place in the memo"],
  ["an append to a number", "K\x01K\x02a", "expected a list"],
  ["an item of a list", "]K\x01K\x02s", "expected a dict"],
  ["a key without a value", "}(K\x01u", "a key without a value"],
  ["a name that is a number", "K\x01K\x02\x93", "expected the names of a module"],
];

describe("a hostile pickle", () => {
  it.each(hostile)("with %s is one clear error", (_, code, message) => {
    expect(failure(bytesOf(`\x80\x02${code}`)).message).toContain(message);
  });

  it("of endless operations or objects is one clear error, soon", () => {
    expect(failure(bytesOf("N0".repeat(2 ** 22))).message).toContain("at most 8388608 operations");
    expect(failure(bytesOf("}".repeat(2 ** 21))).message).toContain("at most 1048576 objects");
    expect(failure(bytesOf("]".repeat(2 ** 21))).message).toContain("at most 1048576 objects");
  });

  it("that nests deeply is read without recursion", () => {
    expect(unpickle(`${"]".repeat(2e5)}${"a".repeat(2e5 - 1)}`)).toHaveLength(1);
  });
});
