import { afterAll, describe, expect, it } from "vitest";
import { drawn, drawnTokens, type GoldenCase, goldens } from "../../test/golden/nets/goldens.ts";
import { type Engine, referenceEngine } from "../engine/index.ts";
import { input } from "../graph/index.ts";
import { nativeEngine } from "../node/native-engine.ts";
import { encodeModel, graphToModel } from "../onnx/index.ts";
import { type Tensor, toNumbers } from "../tensor/index.ts";
import { type Network, type NetworkDescription, networkFrom, networkNames } from "./index.ts";

const reference = referenceEngine();
const cpu = await nativeEngine({ threads: 1 });
afterAll(() => cpu[Symbol.asyncDispose]());

/** Another order of summation in float64, and float32 through up to fifty layers; relative to the largest logit. */
const tolerances = { float64: 1e-12, float32: 1e-5 } as const;
type Precision = keyof typeof tolerances;

/** Too large for the plain loops of the reference engine. */
const convolutional = /^(vgg|resnet)/;
const small = goldens.cases.filter(({ description }) => !convolutional.test(description.net));

function title({ description: { net, ...options } }: GoldenCase): string {
  return `${net} ${Object.values(options).join(" ")}`;
}

function titled(cases: readonly GoldenCase[]) {
  return cases.map((each) => [title(each), each] as const);
}

function inputTensor({ inputKind, outputs }: Network, { input: shape }: GoldenCase, dtype: Precision): Tensor {
  return inputKind === "tokens" ? drawnTokens(shape, outputs) : drawn("input", shape, dtype);
}

async function evaluate(engine: Engine, golden: GoldenCase, dtype: Precision): Promise<Float64Array> {
  const network = networkFrom(golden.description);
  const parameters = network.parameters.map(({ name, shape }) => [name, drawn(name, shape, dtype)] as const);
  const values = parameters.map(([name, { shape }]) => [name, input(name, dtype, shape)] as const);
  const fed = inputTensor(network, golden, dtype);
  const { output } = network.apply(input("input", fed.dtype, fed.shape), Object.fromEntries(values));
  await using program = await engine.compile({ output });
  const results = await program.run({ input: fed, ...Object.fromEntries(parameters) });
  return toNumbers(results.output as Tensor);
}

function relativeDifference(got: Float64Array, expected: readonly number[]): number {
  expect(got.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((x, i) => Math.abs((got[i] as number) - x))) / scale;
}

describe("networks beside PyTorch, torchvision and transformers", () => {
  it.each(titled(goldens.cases))("%s has the same parameters", (_, { description, state }) => {
    const { parameters } = networkFrom(description);
    expect(Object.fromEntries(parameters.map(({ name, shape }) => [name, shape]))).toEqual(state);
  });

  it.each(titled(small))("%s computes the same in float64", async (_, golden) => {
    const got = await evaluate(reference, golden, "float64");
    expect(relativeDifference(got, golden.output)).toBeLessThan(tolerances.float64);
  });

  it.each(titled(goldens.cases))("%s computes the same in float32", async (_, golden) => {
    const got = await evaluate(cpu, golden, "float32");
    expect(relativeDifference(got, golden.output)).toBeLessThan(tolerances.float32);
  });
});

function onnxBytes(network: Network): Uint8Array {
  const x = input("x", network.inputKind === "tokens" ? "int64" : "float32", [2, ...network.inputShape]);
  const values = network.parameters.map(({ name, shape }) => [name, input(name, "float32", shape)] as const);
  const { output, updates } = network.apply(x, Object.fromEntries(values), { training: true });
  const next = Object.entries(updates).map(([name, value]) => [`next ${name}`, value]);
  return encodeModel(graphToModel({ output, ...Object.fromEntries(next) }));
}

describe("networkFrom", () => {
  const given: readonly NetworkDescription[] = [
    { net: "mlp", input: [4], widths: [3], outputs: 2 },
    ...networkNames.filter((net) => net !== "mlp").map((net) => ({ net })),
    ...goldens.cases.slice(0, 3).map(({ description }) => description),
  ];

  it("knows every net of the command line", () => {
    const vggs = ["vgg11", "vgg11-bn", "vgg13", "vgg13-bn", "vgg16", "vgg16-bn", "vgg19", "vgg19-bn"];
    const resnets = ["resnet18", "resnet20", "resnet34", "resnet50", "resnet101", "resnet152"];
    expect(networkNames).toEqual(["mlp", "lenet", ...vggs, ...resnets, "vit", "gpt2", "llama"]);
  });

  it.each(given.map((each) => [each.net, each] as const))("rebuilds %s from its own description", (_, description) => {
    const network = networkFrom(description);
    const again = networkFrom(JSON.parse(JSON.stringify(network.description)));
    expect(again.description).toEqual(network.description);
    expect(again.parameters).toEqual(network.parameters);
    expect(onnxBytes(again)).toEqual(onnxBytes(network));
  });

  const mlp = { net: "mlp", input: [4], widths: [3], outputs: 2 };
  it.each([
    [{ net: "resnet35" }, 'net: expected one of mlp, lenet, vgg11, vgg11-bn, vgg13, .*, got "resnet35"'],
    [{ net: "toString" }, 'net: expected one of .*, got "toString"'],
    [{ ...mlp, widths: [3, 0] }, "mlp widths: expected a list of whole numbers from 1, got \\[3, 0\\]"],
    [{ ...mlp, widths: [-3] }, "mlp widths: expected a list of whole numbers from 1, got \\[-3\\]"],
    [{ ...mlp, widths: [2.5] }, "mlp widths: expected a list of whole numbers from 1, got \\[2.5\\]"],
    [{ ...mlp, widths: "512" }, 'mlp widths: expected a list of whole numbers from 1, got "512"'],
    [{ net: "mlp", widths: [3], outputs: 2 }, "mlp input: expected a list of whole numbers from 1, got undefined"],
    [{ ...mlp, outputs: 0 }, "mlp outputs: expected a whole number from 1 to 2147483647, got 0"],
    [{ ...mlp, activation: "swish" }, 'mlp activation: expected one of relu, .*, g, got "swish"'],
    [{ ...mlp, initializer: "xavier" }, 'mlp initializer: expected one of he, glorot, lecun, pytorch, got "xavier"'],
    [{ ...mlp, bias: "no" }, 'mlp bias: expected true or false, got "no"'],
    [{ ...mlp, width: 3 }, 'mlp: expected options among input, widths, .*, got "width"'],
    [{ net: "lenet", input: [1, 8, 8] }, "lenet: expected images of at least 16x16, got 8x8; enlarge the images or .*"],
    [{ net: "lenet", input: [64] }, "lenet input: expected \\[channels, height, width\\], got \\[64\\]"],
    [{ net: "vgg16-bn", input: [1, 28, 28] }, "vgg16-bn: expected images of at least 32x32, got 28x28; .*"],
    [{ net: "vit", patch: 5 }, "vit patch: expected patches that tile 32x32, got 5x5"],
    [{ net: "vit", heads: 5 }, "vit heads: expected a divisor of the width 64, got 5"],
    [{ net: "resnet20", width: 0 }, "resnet20 width: expected a whole number from 1 to 2147483647, got 0"],
    [{ net: "llama", width: 30, heads: 4 }, "llama heads: expected a divisor of the width 30, got 4"],
    [{ net: "llama", headSize: 7 }, "llama headSize: expected an even number, whose halves rotate together, got 7"],
    [{ net: "llama", kvHeads: 5 }, "llama kvHeads: expected a divisor of the 32 heads, got 5"],
    [{ net: "llama", ropeTheta: 0 }, "llama ropeTheta: expected a number above 0, got 0"],
    [{ net: "gpt2", depth: 1e9 }, "gpt2 depth: expected a whole number from 1 to 1000, got 1000000000"],
  ])("refuses %j in one line", (description, message) => {
    expect(() => networkFrom(description as NetworkDescription)).toThrow(
      expect.objectContaining({ name: "InputError", message: expect.stringMatching(new RegExp(`^${message}$`)) }),
    );
  });
});
