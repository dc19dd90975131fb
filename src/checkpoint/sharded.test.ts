import { describe, expect, it } from "vitest";
import { fromNumbers, type Tensor } from "../tensor/index.ts";
import { type ByteSource, bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { encodeNpz } from "./npz-writer.ts";
import { encodeSafetensors, type NamedTensors } from "./safetensors-writer.ts";
import { openSharded } from "./sharded.ts";

const vector = (...values: number[]): Tensor => fromNumbers("float32", values);
const join = (pieces: Uint8Array[]) => new Uint8Array(Buffer.concat(pieces));

const files: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = {
  "one.safetensors": shard({ a: vector(1, 2), b: vector(3) }, { format: "pt", who: "one" }),
  "two.safetensors": shard({ c: vector(4) }, { who: "two", more: "yes" }),
};

function shard(tensors: NamedTensors, metadata?: Record<string, string>) {
  return join(encodeSafetensors(tensors, metadata));
}

function index(text: string | object): ByteSource {
  const json = typeof text === "string" ? text : JSON.stringify(text);
  return bytesSource("index.json", new TextEncoder().encode(json));
}

const weightMap = { b: "one.safetensors", c: "two.safetensors", a: "one.safetensors" };
const whole = index({ metadata: { total_size: 16.0, why: [null, -1e3, { deep: true }] }, weight_map: weightMap });

function openFrom(source: ByteSource, folder: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = files) {
  return openSharded(source, async (name) => {
    const bytes = folder[name];
    if (!bytes) throw new Error(`no ${name}`);
    return bytesSource(name, bytes);
  });
}

describe("openSharded", () => {
  it("reads the tensors of all files, in the order of the index", async () => {
    const checkpoint = await openFrom(whole);
    expect([...checkpoint.entries.keys()]).toEqual(["b", "c", "a"]);
    expect(await readAll(checkpoint)).toEqual({ b: vector(3), c: vector(4), a: vector(1, 2) });
    expect(checkpoint.format).toBe("safetensors");
  });

  it("joins the metadata of the files; the first that has a key decides", async () => {
    expect((await openFrom(whole)).metadata).toEqual({ format: "pt", who: "one", more: "yes" });
  });

  it("opens each file once and reads only its table of contents", async () => {
    const reads: string[] = [];
    const checkpoint = await openSharded(whole, async (name) => {
      const source = bytesSource(name, files[name] as Uint8Array<ArrayBuffer>);
      reads.push(`open ${name}`);
      return {
        ...source,
        read: (offset, length) => {
          reads.push(`${name} to ${offset + length}`);
          return source.read(offset, length);
        },
      };
    });
    expect(reads.filter((read) => read.startsWith("open"))).toEqual(["open one.safetensors", "open two.safetensors"]);
    reads.length = 0;
    await checkpoint.read("c");
    expect(reads).toEqual([`two.safetensors to ${files["two.safetensors"]?.length}`]);
  });

  it("opens files of another format and an index of no tensors", async () => {
    const npz = { "one.npz": join(encodeNpz({ a: vector(5) })) };
    const checkpoint = await openFrom(index({ weight_map: { a: "one.npz" } }), npz);
    expect([checkpoint.format, await readAll(checkpoint)]).toEqual(["npz", { a: vector(5) }]);
    expect((await openFrom(index({ weight_map: {} }))).entries.size).toBe(0);
  });

  it("names some tensors when one is missing", async () => {
    await expect((await openFrom(whole)).read("v")).rejects.toThrow('index.json: no tensor "v" among its 3 ("b", ');
  });

  it("passes on why a file cannot be opened", async () => {
    await expect(openFrom(whole, {})).rejects.toThrow("no one.safetensors");
  });
});

const hostile: readonly (readonly [string, string | object, string])[] = [
  ["without a weight_map", { metadata: {} }, "a weight_map, got other JSON"],
  ["that is cut", '{"weight_map":{"a":"one.safe', 'tensor "a": expected a valid string'],
  ["with text after it", "{}x", "expected nothing after the last brace"],
  ["with a tensor twice", '{"weight_map":{"a":"x","a":"y"}}', 'key "a" occurs twice'],
  ["with a number for a file", { weight_map: { a: 1 } }, "expected a string"],
  ["nested without end", `{"x":${"[".repeat(1e6)}`, "expected at most 16 levels"],
  ["with a word that is no JSON", '{"x":nan}', "expected a value"],
  ["of a file elsewhere", { weight_map: { a: "../one.safetensors" } }, "its own folder"],
  ["of a file by its full path", { weight_map: { a: "/etc/passwd" } }, "its own folder"],
  ["of a file by a path of Windows", { weight_map: { a: "..\\one" } }, "its own folder"],
  ["of a file on a drive", { weight_map: { a: "C:one" } }, "its own folder"],
  ["of its folder", { weight_map: { a: ".." } }, "its own folder"],
  ["of a file without a name", { weight_map: { a: "" } }, "its own folder"],
  ["of a name with a zero", { weight_map: { a: "one\0" } }, "its own folder"],
  [
    "of a tensor that the file lacks",
    { weight_map: { ...weightMap, d: "one.safetensors" } },
    'tensor "d": expected it',
  ],
  ["that leaves out a tensor", { weight_map: { a: "one.safetensors" } }, 'holds a tensor "b"'],
];

describe("an index", () => {
  it.each(hostile)("%s is one clear error", async (_, text, message) => {
    const error = await openFrom(index(text)).then(String, (e) => e);
    expect(error.message).toMatch(/^index\.json[^\n]*; [^\n]+$/);
    expect(error.message).toContain(message);
  });

  it("that names another index is an error", async () => {
    const folder = { "again.json": new TextEncoder().encode('{"weight_map":{"a":"again.json"}}') };
    await expect(openFrom(index({ weight_map: { a: "again.json" } }), folder)).rejects.toThrow("got JSON");
  });
});
