import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { InputError } from "../errors.ts";
import { crossEntropy, grad, input, type Value } from "../graph/index.ts";
import { encodeModel, graphToModel, type ModelProto } from "../onnx/index.ts";
import { convert, fold, fromNumbers, type RngKey, rngKey, type Tensor, toNumbers, uniform } from "../tensor/index.ts";
import { initializeParameters, type Model, mlp, networkFromOnnx } from "./index.ts";

const folder = new URL("../../test/golden/onnx/torch/", import.meta.url);
const cases = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8"));

function golden(name: string): Model {
  return networkFromOnnx(new Uint8Array(readFileSync(new URL(`${name}.onnx`, folder))), `${name}.onnx`);
}

async function run(outputs: Record<string, Value>, feeds: Record<string, Tensor>) {
  const program = await referenceEngine().compile(outputs);
  return program.run(feeds);
}

async function outputOf({ network, parameters }: Model, x: Tensor): Promise<number[]> {
  const values = Object.fromEntries(
    Object.entries(parameters).map(([name, { dtype, shape }]) => [name, input(name, dtype, shape)]),
  );
  const { output } = network.apply(input("input", x.dtype, x.shape), values);
  const { output: result } = await run({ output }, { ...parameters, input: x });
  return [...toNumbers(result!)];
}

function goldenInput(name: string, repeats = 1): Tensor {
  const { shape, data } = cases[name].x;
  const repeated = Array.from({ length: repeats }, () => data).flat();
  return fromNumbers(name === "language" ? "int64" : "float32", repeated, [shape[0] * repeats, ...shape.slice(1)]);
}

/** The exporters fold some products of weights in float32. */
const tolerance = 1e-5;

function expectClose(got: readonly number[], expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  expect(Math.max(...expected.map((value, i) => Math.abs(value - got[i]!)))).toBeLessThan(tolerance);
}

/** `x w`, whose weights [3, 4] lie in another file. */
function withExternalWeights(): ModelProto {
  const model = graphToModel({ y: input("x", "float32", [2, 3]).matmul(input("w", "float32", [3, 4])) });
  const externalData = [{ key: "location", value: "w.bin" }];
  const initializer = [{ name: "w", dims: [3, 4], dataType: 1, dataLocation: 1, externalData }];
  return { ...model, graph: { ...model.graph, initializer } };
}

describe("a network from an ONNX file", () => {
  it.each(["residual-tracing-13", "residual-dynamo-20", "lenet-tracing-17", "block-dynamo-18", "language-dynamo-20"])(
    "of a dynamic batch size is applied to batches of any size: %s",
    async (name) => {
      const net = name.split("-")[0]!;
      const expected = cases[net].y.data;
      expectClose(await outputOf(golden(name), goldenInput(net)), expected);
      expectClose(await outputOf(golden(name), goldenInput(net, 3)), [...expected, ...expected, ...expected]);
    },
  );

  it.each(["lenet-fixed-17", "block-fixed-17", "language-fixed-17"])(
    "of a fixed batch size is applied to others, too: %s",
    async (name) => {
      const net = name.split("-")[0]!;
      const expected = cases[net].y.data;
      expectClose(await outputOf(golden(name), goldenInput(net, 2)), [...expected, ...expected]);
    },
  );

  it("lists weights as parameters, but neither scalars of formulas nor masks", () => {
    const { network, parameters } = golden("language-tracing-13");
    expect(network.parameters.map(({ name }) => name).sort()).toEqual([
      "onnx::MatMul_61",
      "places.weight",
      "tokens.weight",
    ]);
    expect(Object.keys(parameters)).toEqual(network.parameters.map(({ name }) => name));
    expect(network).toMatchObject({ inputShape: [5], inputKind: "tokens", outputs: 7 });
  });

  it("does not train the statistics of batch norm", () => {
    const { network } = golden("residual-tracing-13");
    const fixed = network.parameters.filter(({ trainable }) => !trainable).map(({ name }) => name);
    expect(fixed.sort()).toEqual(["norm1", "norm2"].flatMap((norm) => [`${norm}.running_mean`, `${norm}.running_var`]));
    const drawn = initializeParameters(network, rngKey(1));
    expect(toNumbers(drawn["norm1.running_var"]!)).toEqual(new Float64Array(4).fill(1));
  });

  it("is differentiated in float64, as a network built here is", async () => {
    const network = mlp({ input: 4, widths: [5], outputs: 3 });
    const parameters = initializeParameters(network, rngKey(2));
    const values = (dtype: "float32" | "float64") =>
      Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)]));
    const { output } = network.apply(input("x", "float32", [1, 4]), values("float32"));
    const imported = networkFromOnnx(encodeModel(graphToModel({ output }, { initializers: parameters })));
    const wide = values("float64");
    const x = input("x", "float64", [6, 4]);
    const labels = input("labels", "int64", [6]);
    const gradients = [network, imported.network].map((each) =>
      grad(crossEntropy(each.apply(x, wide).output, labels), Object.values(wide)),
    );
    const outputs = Object.fromEntries(gradients.flatMap((list, n) => list.map((g, i) => [`${n} ${i}`, g])));
    const results = await run(outputs, {
      ...Object.fromEntries(
        Object.entries(imported.parameters).map(([name, value]) => [name, convert(value, "float64")]),
      ),
      x: uniform(rngKey(3), [6, 4], { dtype: "float64" }),
      labels: fromNumbers("int64", [0, 1, 2, 0, 1, 2]),
    });
    for (const i of gradients[0]!.keys()) expect(results[`0 ${i}`]).toEqual(results[`1 ${i}`]);
  });

  it("of more than one input is refused", () => {
    const sum = input("a", "float32", [2, 3]).add(input("b", "float32", [2, 3]));
    const bytes = encodeModel(graphToModel({ sum }));
    expect(() => networkFromOnnx(bytes, "sum.onnx")).toThrow("sum.onnx: expected one input [batch, ...], got 2 inputs");
  });

  it("has parameters on both sides of an operator that is not known, where that is asked for", () => {
    const architectures = new URL("../../test/golden/onnx/architectures/", import.meta.url);
    const bytes = new Uint8Array(readFileSync(new URL("lstm-dynamo-18.onnx", architectures)));
    expect(() => networkFromOnnx(bytes, "lstm.onnx")).toThrow(
      /^lstm\.onnx, node "node_lstm__2" \(LSTM\): expected an operator/,
    );
    const { network } = networkFromOnnx(bytes, "lstm.onnx", { unknown: "opaque" });
    expect(network).toMatchObject({ inputShape: [3, 3], outputs: 2 });
    expect(network.parameters.map(({ name }) => name).sort()).toEqual([
      "embed.bias",
      "head.bias",
      "val_1",
      "val_45",
      "val_46",
      "val_68",
      "val_84",
    ]);
    const wide = network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)] as const);
    const { output } = network.apply(input("x", "float64", [5, 3, 3]), Object.fromEntries(wide));
    expect(output).toMatchObject({ dtype: "float64", shape: [5, 3, 2] });
  });

  it("reads each tensor once, whatever the number of batch sizes", () => {
    const read: string[] = [];
    const bytes = encodeModel(withExternalWeights());
    const loadExternal = (location: string, _: number, length: number) => {
      read.push(location);
      return new Uint8Array(length);
    };
    const { network } = networkFromOnnx(bytes, "m.onnx", { loadExternal });
    for (const batch of [1, 2, 7])
      network.apply(input("x", "float32", [batch, 3]), { w: input("w", "float32", [3, 4]) });
    expect(read).toEqual(["w.bin"]);
  });

  it("without an output is refused", () => {
    const { graph, ...rest } = graphToModel({ y: input("x", "float32", [2, 3]).neg() });
    const bytes = encodeModel({ ...rest, graph: { ...graph, output: [] } });
    expect(() => networkFromOnnx(bytes, "m.onnx")).toThrow(
      "m.onnx: expected one output of real numbers [2, ...], got none",
    );
  });

  it("whose batch size cannot be changed says so", () => {
    const x = input("x", "float32", [2, 3]);
    const bytes = encodeModel(graphToModel({ y: x.reshape([3, 2]).transpose([1, 0]) }));
    const { network } = networkFromOnnx(bytes, "fixed.onnx");
    expect(network.apply(x, {}).output.shape).toEqual([2, 3]);
    expect(() => network.apply(input("x", "float32", [5, 3]), {})).toThrow(
      "fixed.onnx: expected a model for any batch size, got one for 2 that cannot be changed to 5; export it again with a dynamic batch axis",
    );
  });
});

describe("a damaged file", () => {
  const names = ["mlp-tracing-13", "language-fixed-17"];
  const files = names.map((name) => new Uint8Array(readFileSync(new URL(`${name}.onnx`, folder))));
  const [damages, key] = [400, rngKey(11)];

  it.each(["refuse", "opaque"] as const)("gives a model or one line, whatever the damage: %s", (unknown) => {
    let refusals = 0;
    for (let i = 0; i < damages; i++) {
      const bytes = damaged(files[i % 2] as Uint8Array, files[(i + 1) % 2] as Uint8Array, fold(key, i));
      const loadExternal = (_: string, __: number, length: number) => new Uint8Array(Math.min(length, 64));
      try {
        const { network } = networkFromOnnx(bytes, "hostile.onnx", { unknown, loadExternal });
        expect(network.outputs).toBeGreaterThanOrEqual(0);
      } catch (error) {
        expect(error, `damage ${i}`).toBeInstanceOf(InputError);
        expect((error as Error).message).toMatch(/^hostile\.onnx[^\n]*$/);
        refusals++;
      }
    }
    expect(refusals).toBeGreaterThan(damages / 4);
    expect(refusals).toBeLessThan(damages);
  });
});

/** The file cut short, with a byte changed, or with the end of the other file. */
function damaged(file: Uint8Array, other: Uint8Array, key: RngKey): Uint8Array<ArrayBuffer> {
  const [kind, at, to, bits] = uniform(key, [4], { dtype: "float64" }).data as unknown as [
    number,
    number,
    number,
    number,
  ];
  const position = Math.floor(at * file.length);
  if (kind < 0.1) return file.slice(0, position) as Uint8Array<ArrayBuffer>;
  const start = kind < 0.8 ? position + 1 : Math.floor(to * other.length);
  const tail = (kind < 0.8 ? file : other).subarray(start);
  const middle = kind < 0.8 ? [(file[position] as number) ^ (1 + Math.floor(bits * 255))] : [];
  return Uint8Array.from([...file.subarray(0, position), ...middle, ...tail]);
}
