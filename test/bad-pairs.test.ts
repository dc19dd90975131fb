import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { input } from "../src/graph/index.ts";
import { gpt2, initializeParameters, lenet, mlp, type Network, type Parameters, vit } from "../src/nets/index.ts";
import { encodeModel, graphToModel } from "../src/onnx/index.ts";
import { convert, fromNumbers, rngKey, type Tensor, toNumbers, zeros } from "../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./commands/orbifold.ts";
import { writeSafetensors } from "./commands/symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const image = [1, 8, 8];
const network = mlp({ input: image, widths: [12, 10], outputs: 10, activation: "gelu" });
const language = { context: 4, width: 8, depth: 1, heads: 2 };

/** Writes the weights of a network, changed, under a name. */
function write(
  name: string,
  of: Network,
  seed: number,
  change: (parameters: Parameters) => Parameters = (same) => same,
): void {
  const metadata = { "orbifold.network": JSON.stringify(of.description) };
  const parameters = change(initializeParameters(of, rngKey(seed)));
  writeSafetensors(join(folder.path, `${name}.safetensors`), parameters, metadata);
}

const without = (name: string) => (all: Parameters) =>
  Object.fromEntries(Object.entries(all).filter(([each]) => each !== name));
const mapped = (change: (x: number, i: number) => number) => (all: Parameters) =>
  Object.fromEntries(
    Object.entries(all).map(([name, { shape, ...rest }]) => {
      const numbers = Array.from(toNumbers({ shape, ...rest } as Tensor), change);
      return [name, fromNumbers("float32", numbers, shape)];
    }),
  );

beforeAll(() => {
  write("a", network, 0);
  write("b", network, 1);
  write("deeper", mlp({ input: image, widths: [12, 10, 10], outputs: 10, activation: "gelu" }), 1);
  write("wider", mlp({ input: image, widths: [12, 11], outputs: 10, activation: "gelu" }), 1);
  write("convolutional", lenet({ input: [1, 28, 28], outputs: 10 }), 1);
  write("silu", mlp({ input: image, widths: [12, 10], outputs: 10, activation: "silu" }), 1);
  write("missing", network, 1, without("layers.1.bias"));
  write("half", network, 1, (all) =>
    Object.fromEntries(Object.entries(all).map(([name, each]) => [name, convert(each, "float16")])),
  );
  write("one-half", network, 1, (all) => ({
    ...all,
    "layers.1.weight": convert(all["layers.1.weight"] as Tensor, "float16"),
  }));
  write("nan", network, 1, (all) => ({
    ...all,
    ...mapped((x, i) => (i === 2 ? Number.NaN : x))({ "layers.1.weight": all["layers.1.weight"] as Tensor }),
  }));
  const whole = readFileSync(join(folder.path, "b.safetensors"));
  writeFileSync(join(folder.path, "cut.safetensors"), whole.subarray(0, whole.length - 100));
  writeFileSync(join(folder.path, "empty.safetensors"), "");
  write("words-7", gpt2({ ...language, vocabulary: 7 }), 0);
  write("words-8", gpt2({ ...language, vocabulary: 8 }), 1);
  write("patches-2", vit({ input: image, patch: 4, width: 8, depth: 1, heads: 2, outputs: 10 }), 0);
  write("patches-4", vit({ input: image, patch: 4, width: 8, depth: 1, heads: 4, outputs: 10 }), 1);
  const sizes = { input: image, widths: [12, 10], outputs: 10 };
  for (const activation of ["gelu", "silu"] as const) writeOnnx(activation, mlp({ ...sizes, activation }), 0);
  for (const heads of [2, 4]) {
    writeOnnx(`heads-${heads}`, vit({ input: image, patch: 4, width: 8, depth: 1, heads, outputs: 10 }), 0);
  }
  const head = (scale: number) => (all: Parameters) => ({
    ...all,
    "lm_head.weight": mapped((x) => scale * x)({ w: all["wte.weight"] as Tensor }).w as Tensor,
  });
  write("tied", gpt2({ ...language, vocabulary: 7 }), 1, head(1));
  write("untied", gpt2({ ...language, vocabulary: 7 }), 1, head(1.5));
  write("extra", network, 1, (all) => ({ ...all, "optimizer.step": zeros("float32", [3]) }));
});

/** Writes a network as an ONNX file, which does not say what it was built from. */
function writeOnnx(name: string, of: Network, seed: number): void {
  const initializers = initializeParameters(of, rngKey(seed));
  const values = of.parameters.map(({ name: own, shape }) => [own, input(own, "float32", shape)] as const);
  const { output: y } = of.apply(input("x", "float32", [1, ...of.inputShape]), Object.fromEntries(values));
  writeFileSync(join(folder.path, `${name}.onnx`), encodeModel(graphToModel({ y }, { initializers })));
}

const output = ["-o", "new.safetensors"];
const digits = ["--data", "digits"];
/** Every command that takes two checkpoints; those that write and those that measure with what they need for it. */
const commands: Readonly<Record<string, readonly string[]>> = {
  align: output,
  merge: output,
  distance: [],
  diagnose: [],
  barrier: digits,
};

/** The line that a command refuses with; it leaves everything as it was. */
async function refusal(...words: readonly string[]): Promise<string> {
  const before = contentsOf(folder.path);
  const { status, stdout, stderr } = await orbifold(folder.path, ...words);
  expect(stderr).toMatch(/^orbifold: .*\n$/);
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(contentsOf(folder.path)).toEqual(before);
  return stderr.trim().slice("orbifold: ".length);
}

describe.each(Object.entries(commands))("%s refuses in one line", (command, words) => {
  const pairs: readonly (readonly [what: string, a: string, b: string, message: RegExp])[] = [
    [
      "another depth",
      "a",
      "deeper",
      /^deeper\.safetensors: expected the network of a\.safetensors, got another: they /,
    ],
    ["another width", "a", "wider", /^wider\.safetensors: .* they differ in "layers\.1\.weight"; compare two check/],
    ["another architecture", "a", "convolutional", /^convolutional\.safetensors: .* got another: they differ in /],
    ["another activation", "a", "silu", /^silu\.safetensors: .*: its activation is "silu", not "gelu"; compare two/],
    ["another number of heads", "patches-2", "patches-4", /^patches-4\.safetensors: .*: its heads is 4, not 2; /],
    ["another vocabulary", "words-7", "words-8", /^words-8\.safetensors: .* they differ in "wte\.weight"; /],
    ["an output that is not tied to the embedding", "tied", "untied", /^untied\.safetensors/],
    ["a missing tensor", "a", "missing", /^missing\.safetensors: .*"layers\.1\.bias"/],
    ["NaN", "a", "nan", /^nan\.safetensors, tensor "layers\.1\.weight": expected numbers, got NaN; /],
    ["a file that is cut off", "a", "cut", /^cut\.safetensors/],
    ["an empty file", "a", "empty", /^empty\.safetensors: /],
    ["no file", "a", "nowhere", /^nowhere\.safetensors: no such file; check the path$/],
  ];

  it.concurrent.each(pairs)("%s", async (_, a, b, message) => {
    const files = [a, b].map((name) => `${name}.safetensors`);
    expect(await refusal(command, ...files, ...words)).toMatch(message);
  });

  const isLine = command === "barrier";
  it.concurrent.each([
    ["half precision beside single", "half"],
    ["one tensor of another type", "one-half"],
  ])("%s", async (_, b) => {
    const aligned = isLine ? ["--aligned"] : [];
    const message = await refusal(command, "a.safetensors", `${b}.safetensors`, ...words, ...aligned);
    expect(message).toMatch(/, tensor "layers\.\d\.(weight|bias)": expected float32 as in the first, got float16; con/);
  });
});

describe("graphs whose tensors are alike", () => {
  it.concurrent.each([
    ["gelu.onnx", "silu.onnx", /^silu\.onnx: .*, got another: it has 2 times Sigmoid, not 0 times; compare two/],
    ["heads-2.onnx", "heads-4.onnx", /^heads-4\.onnx: .*: its Softmax is of other sizes, as with another number of he/],
  ] as const)("%s and %s are told apart", async (a, b, message) => {
    for (const words of [["distance"], ["align", "-o", "new.onnx"]]) {
      const [command, ...more] = words as [string, ...string[]];
      expect(await refusal(command, a, b, ...more)).toMatch(message);
    }
  });
});

describe("align and merge", () => {
  it.each(["align", "merge"])("%s never writes over one of the inputs", async (command) => {
    const words = [command, "a.safetensors", "b.safetensors", "--force", "-o"];
    const bytes = () =>
      ["a", "b"].map((name) => readFileSync(join(folder.path, `${name}.safetensors`)).toString("hex"));
    const before = bytes();
    for (const own of ["a.safetensors", "./b.safetensors"])
      expect(await refusal(...words, own)).toMatch(/: expected another file than the input; choose another -o$/);
    expect(bytes()).toEqual(before);
  });

  it.each(["align", "merge"])("%s keeps what is no part of the network", async (command) => {
    const words = [command, "a.safetensors", "extra.safetensors", "-o", `${command}ed.safetensors`];
    const { status, stdout, stderr } = await orbifold(folder.path, ...words);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain(command === "align" ? "written to" : "average");
  });
});
