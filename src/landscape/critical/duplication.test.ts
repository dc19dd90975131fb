import { afterAll, describe, expect, it } from "vitest";
import {
  noisyTeacher,
  outputOf,
  type Plain,
  type Problem,
  plainOf,
  samplesOf,
} from "../../../test/critical/noisy-teacher.ts";
import { type Dataset, teacherStudent } from "../../data/index.ts";
import { initializeParameters, type Model, mlp } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { rngKey, zeros } from "../../tensor/index.ts";
import { hiddenLayer } from "../expansion/index.ts";
import { duplicationForms } from "./duplication.ts";

const engine = await nativeEngine({ threads: 1 });
const toy = teacherStudent();
afterAll(() => engine[Symbol.asyncDispose]());

function lossOf(plain: Plain, dataset: Dataset): number {
  const samples = samplesOf(dataset);
  const { data } = dataset.train.targets;
  const losses = samples.map((x, p) => {
    const y = outputOf(plain, x);
    if (dataset.task === "classification") {
      return Math.log(y.reduce((sum, v) => sum + Math.exp(v), 0)) - (y[data[p] as number] as number);
    }
    return y.reduce((sum, v, m) => sum + (v - (data[p * y.length + m] as number)) ** 2, 0) / y.length;
  });
  return losses.reduce((sum, each) => sum + each) / samples.length;
}

/** The plain network with a copy of unit i of a layer behind the others; the copy has no outgoing weights. */
function withCopy(plain: Plain, layer: number, unit: number): Plain {
  const layers = plain.layers.map(({ weights, biases }, k) => {
    const rows = weights.map((row) => (k === layer + 1 ? [...row, 0] : [...row]));
    if (k !== layer) return { weights: rows, biases: [...biases] };
    return { weights: [...rows, [...(rows[unit] as number[])]], biases: [...biases, biases[unit] as number] };
  });
  return { ...plain, layers };
}

/** Adds to entry k of the incoming weights of a unit, of which the bias is the last. */
function nudge({ layers }: Plain, [layer, unit, k]: readonly [number, number, number], step: number): void {
  const { weights, biases } = layers[layer] as { weights: number[][]; biases: number[] };
  const row = weights[unit] as number[];
  if (k < row.length) row[k] = (row[k] as number) + step;
  else biases[unit] = (biases[unit] as number) + step;
}

const step = 1e-3;

/** B and C of a unit from differences of the loss. */
function differences(
  model: Model,
  dataset: Dataset,
  {
    layer,
    unit,
    inputs,
    outputs,
  }: { readonly layer: number; readonly unit: number; readonly inputs: number; readonly outputs: number },
) {
  const plain = plainOf(model);
  const copy = plain.layers[layer]?.weights.length as number;
  const lossWith = (change: (made: Plain) => void) => {
    const made = withCopy(plain, layer, unit);
    change(made);
    return lossOf(made, dataset);
  };
  const outgoing = (made: Plain, m: number) => made.layers[layer + 1]?.weights[m] as number[];
  const each = (count: number) => Array.from({ length: count }, (_, i) => i);
  const c = each(outputs).flatMap((m) =>
    each(inputs).map((k) => {
      const at = (a: number, w: number) =>
        lossWith((made) => {
          nudge(made, [layer, copy, k], w * step);
          outgoing(made, m)[copy] = a * step;
        });
      return (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * step * step);
    }),
  );
  const parted = (directions: readonly (readonly [number, number])[]) =>
    lossWith((made) => {
      for (const m of each(outputs)) {
        const row = outgoing(made, m);
        row[copy] = (row[unit] as number) / 2;
        row[unit] = (row[unit] as number) / 2;
      }
      for (const [k, sign] of directions) {
        nudge(made, [layer, unit, k], sign * step);
        nudge(made, [layer, copy, k], -sign * step);
      }
    });
  const b = each(inputs).flatMap((k) =>
    each(inputs).map(
      (l) =>
        (parted([
          [k, 1],
          [l, 1],
        ]) -
          parted([
            [k, 1],
            [l, -1],
          ])) /
        (2 * step * step),
    ),
  );
  return { b, c };
}

function expectClose(got: Float64Array, expected: readonly number[]): void {
  expect(got.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  // Differences of second order lose the square of the step, and rounding divided by it.
  for (const [i, x] of expected.entries()) expect(Math.abs((got[i] as number) - x)).toBeLessThan(1e-4 * (scale + 0.01));
}

describe("B and C of a unit", () => {
  const problems: readonly Problem[] = [
    { widths: [3], outputs: 2 },
    { widths: [2], outputs: 1, activation: "sigmoid", bias: false },
    { widths: [3, 2], outputs: 2, activation: "softplus" },
    { widths: [2, 3], outputs: 3, task: "classification" },
  ];
  it.each(problems)("are what differences of the loss give: %o", async (problem) => {
    const { model, dataset } = noisyTeacher({ ...problem, samples: 12 }, 1);
    for (const index of problem.widths.keys()) {
      const layer = hiddenLayer(model.network, index);
      const forms = await duplicationForms(model, dataset, { layer, engine });
      expect(forms).toHaveLength(layer.size);
      for (const [unit, form] of forms.entries()) {
        const { inputs, outputs } = form;
        expect(inputs).toBe((problem.widths[index - 1] ?? 2) + (problem.bias === false ? 0 : 1));
        expect(outputs).toBe(problem.widths[index + 1] ?? problem.outputs);
        const { b, c } = differences(model, dataset, { layer: index, unit, inputs, outputs });
        expectClose(form.c, c);
        expectClose(form.b, b);
      }
    }
  });

  it("are refused for more samples than memory holds", async () => {
    const network = mlp({ input: 2, widths: [1000], outputs: 1, activation: "tanh" });
    const parameters = initializeParameters(network, rngKey(1), "float64");
    const count = 100_000;
    const train = { inputs: zeros("float64", [count, 2]), targets: zeros("float64", [count, 1]) };
    const layer = hiddenLayer(network, 0);
    await expect(duplicationForms({ network, parameters }, { ...toy, train }, { layer, engine })).rejects.toThrow(
      'layer "layers.0": expected units, inputs and samples with a product of at most 268435456, got 1000 x 3 x 100000',
    );
  });

  it.each([
    ["relu", "mlp: expected a network with second derivatives, got one with Relu; take a smooth activation"],
    ["sign", "mlp: expected a network that can be differentiated twice, got one with"],
  ] as const)("are refused for %s", async (activation, message) => {
    const network = mlp({ input: 2, widths: [2], outputs: 1, activation });
    const parameters = initializeParameters(network, rngKey(1), "float64");
    const layer = hiddenLayer(network, 0);
    await expect(duplicationForms({ network, parameters }, toy, { layer, engine })).rejects.toThrow(message);
  });
});
