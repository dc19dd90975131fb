import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { fromNumbers, toNumbers } from "../tensor/index.ts";
import { decodeModel, type ImportedGraph, modelToGraph } from "./index.ts";

interface Listed {
  readonly shape: number[];
  readonly data: number[];
}

const folder = new URL("../../test/golden/onnx/torch/", import.meta.url);
const cases = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8")) as Record<
  string,
  Record<"x" | "y", Listed>
>;
const files = readdirSync(folder).filter((file) => file.endsWith(".onnx"));

/** PyTorch computed the outputs in float64, but the exporters fold some products of weights in float32. */
const tolerance = 1e-5;

function imported(file: string, batch: number): ImportedGraph {
  const model = decodeModel(new Uint8Array(readFileSync(new URL(file, folder))), file);
  return modelToGraph(model, { where: file, dimensions: { batch } });
}

async function outputOf({ inputs, outputs, initializers }: ImportedGraph, x: Listed): Promise<Float64Array> {
  const program = await referenceEngine().compile(outputs);
  const results = await program.run({ ...initializers, x: fromNumbers(inputs[0]!.dtype, x.data, x.shape) });
  return toNumbers(results.y!);
}

describe("a model exported by PyTorch", () => {
  test.each(files)("computes what PyTorch computes: %s", async (file) => {
    const { x, y } = cases[file.replace(/-\w+-\d+\.onnx$/, "")]!;
    const graph = imported(file, x.shape[0]!);
    expect(graph.outputs.y!.shape).toEqual(y.shape);
    const got = await outputOf(graph, x);
    expect(Math.max(...y.data.map((value, i) => Math.abs(value - got[i]!)))).toBeLessThan(tolerance);
  });
});
