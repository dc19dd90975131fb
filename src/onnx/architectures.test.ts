import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { fromNumbers, toNumbers } from "../tensor/index.ts";
import { type ImportedModel, importModel } from "./index.ts";

interface Listed {
  readonly shape: number[];
  readonly data: number[];
}

const folder = new URL("../../test/golden/onnx/architectures/", import.meta.url);
const cases = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8")) as Record<
  string,
  Record<"inputs" | "outputs", Record<string, Listed>>
>;
const files = readdirSync(folder).filter((file) => file.endsWith(".onnx"));
const recurrent = files.filter((file) => /^(lstm|gru)-(tracing|dynamo)/.test(file));

function read(file: string, offset = 0, end?: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(file, folder))).slice(offset, end);
}

function imported(file: string, unknown: "refuse" | "opaque" = "refuse"): ImportedModel {
  const loadExternal = (location: string, offset: number, length: number) => read(location, offset, offset + length);
  return importModel(read(file), file, { loadExternal, unknown, dimensions: { batch: 2 } });
}

function caseOf(file: string) {
  return cases[file.replace(/-(tracing|dynamo)-.*/, "")]!;
}

/** PyTorch computed the outputs in float64, but the exporters fold some products of weights in float32. */
const tolerance = 1e-6;

describe("an architecture exported by PyTorch", () => {
  test.each(files.filter((file) => !recurrent.includes(file)))("computes what PyTorch computes: %s", async (file) => {
    const { inputs, outputs, initializers } = imported(file);
    const expected = caseOf(file);
    const feeds = inputs.map(({ dtype, attributes: { name } }) => {
      const { shape, data } = expected.inputs[name]!;
      return [name, fromNumbers(dtype, data, shape)] as const;
    });
    const program = await referenceEngine().compile(outputs);
    const results = await program.run({ ...initializers, ...Object.fromEntries(feeds) });
    expect(Object.keys(results)).toEqual(Object.keys(expected.outputs));
    for (const [name, { shape, data }] of Object.entries(expected.outputs)) {
      expect(results[name]!.shape).toEqual(shape);
      const got = toNumbers(results[name]!);
      const worst = Math.max(...data.map((value, i) => Math.abs(value - got[i]!)));
      expect(worst / (1 + Math.max(...data.map(Math.abs)))).toBeLessThan(tolerance);
    }
  });

  test.each(recurrent)("of an operator that is not known is refused in one line: %s", (file) => {
    expect(() => imported(file)).toThrow(
      /^[^\n]*node "[^"]+" \((LSTM|GRU)\): expected an operator [^\n]* got "(LSTM|GRU)"[^\n]*$/,
    );
  });

  test.each(recurrent)("of an operator that is not known keeps every weight: %s", (file) => {
    const { outputs, parameters, opaque } = imported(file, "opaque");
    const names = new Set(opaque.map(({ attributes }) => attributes.name));
    expect(names).toContain(file.split("-")[0]!.toUpperCase());
    expect(outputs.y!.shape).toEqual([2, 3, 2]);
    // Two of the layer before, two or three of the operator, two of the layer behind.
    expect(parameters.length).toBeGreaterThanOrEqual(7);
  });
});

describe("an imported model", () => {
  test("computes everything behind an opaque operator whose shape the file gives", () => {
    const { outputs, opaque } = imported("lstm-dynamo-18.onnx", "opaque");
    expect(opaque.map(({ attributes }) => attributes)).toMatchObject([
      { name: "LSTM", domain: "", output: "val_69", dtype: "float32", shape: [3, 1, 2, 4] },
    ]);
    expect(opaque[0]!.operands.map(({ attributes }) => (attributes as { name?: string }).name)).toEqual(
      expect.arrayContaining(["val_45", "val_46", "val_68"]),
    );
    expect(outputs.y!.op).toBe("Add");
  });

  test("says of nothing that it is computed where a shape is unknown", () => {
    const { opaque } = imported("lstm-tracing-17.onnx", "opaque");
    expect(opaque.map(({ attributes: { name, shape } }) => [name, shape])).toEqual([
      ["LSTM", null],
      ["Squeeze", null],
      ["Transpose", null],
      ["Relu", null],
      ["MatMul", null],
      ["Add", [2, 3, 2]],
    ]);
    expect(opaque[0]!.attributes.reason).toContain('expected an operator that can be imported, got "LSTM"');
    expect(opaque[1]!.attributes.reason).toBe('the shape of "/recurrent/LSTM_output_0" is unknown');
  });

  test.each([
    ["tied-tracing-17.onnx", ["hidden", "visible", "weight"]],
    ["tied-dynamo-20.onnx", ["hidden", "permute", "visible", "weight"]],
  ])("has the initializers of the file as parameters, tied ones as often as they are stored: %s", (file, names) => {
    const { parameters, initializers } = imported(file);
    expect([...parameters].sort()).toEqual(names);
    expect(initializers.weight!.shape).toEqual([4, 6]);
  });

  test("has all inputs and outputs of the file", () => {
    const { inputs, outputs, parameters } = imported("two-dynamo-18-external.onnx");
    expect(inputs.map(({ attributes }) => attributes.name)).toEqual(["x", "gate"]);
    expect(Object.keys(outputs)).toEqual(["left", "right"]);
    expect(parameters).toContain("trunk.weight");
  });

  test("keeps tokens and masks out of its parameters", () => {
    const { inputs, parameters } = imported("bert-tracing-17.onnx");
    expect(inputs.map(({ dtype }) => dtype)).toEqual(["int64", "int64"]);
    expect(parameters).toContain("model.bert.embeddings.word_embeddings.weight");
    expect(parameters).not.toContain("x");
  });
});
