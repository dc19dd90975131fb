import type { Program } from "../engine/index.ts";
import { topologicalOrder, type Value } from "../graph/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { convert, elementCount, isFloat, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { type Deviation, deviationOf } from "./deviation.ts";
import { inputName, networkOutput } from "./network-graph.ts";
import type { Precision } from "./precision.ts";

/** How far the outputs of two parameter sets are apart. */
export interface OutputDeviation extends Deviation {
  /** Inputs that were tried: all, or those up to the first whose output is not finite. */
  readonly samples: number;
  /** Inputs of one run, with the one at which outputs are furthest apart. */
  readonly worst: Tensor;
}

export interface CompareOptions extends Precision {
  /** Stacks of inputs, [n, ...]. */
  readonly inputs: readonly Tensor[];
}

/** Runs a network with two parameter sets on the same inputs, a few at a time. */
export async function compareOutputs(
  network: Network,
  pair: readonly [Parameters, Parameters],
  { inputs, engine, precision }: CompareOptions,
): Promise<OutputDeviation> {
  let total = deviationOfNone(inputs);
  for (const stack of inputs) {
    const [count = 1, ...rest] = stack.shape;
    const single = networkOutput(network, { shape: [1, ...rest], dtype: precision });
    const batch = Math.min(count, batchSize(single));
    const output = networkOutput(network, { shape: [batch, ...rest], dtype: precision });
    await using program = await engine.compile({ output });
    for (let start = 0; start < count && total.difference < Infinity; start += batch) {
      // The last batch reaches back where it would not be full.
      const x = inputType(samplesOf(stack, Math.min(start, count - batch), batch), precision);
      total = joined(total, await compareOn(program, pair, x), Math.min(batch, count - start));
    }
  }
  return total;
}

/** Where none of the inputs has been tried yet. */
export function deviationOfNone([first]: readonly Tensor[]): OutputDeviation {
  return { difference: 0, scale: 0, samples: 0, worst: first as Tensor };
}

/** The deviation of some samples together with that of all before. */
export function joined(
  total: OutputDeviation,
  { difference, scale, worst }: OutputDeviation,
  samples: number,
): OutputDeviation {
  return {
    difference: Math.max(total.difference, difference),
    scale: Math.max(total.scale, scale),
    samples: total.samples + samples,
    worst: difference > total.difference ? worst : total.worst,
  };
}

async function compareOn(
  program: Program,
  [a, b]: readonly [Parameters, Parameters],
  x: Tensor,
): Promise<OutputDeviation> {
  const [before, after] = [await program.run({ ...a, [inputName]: x }), await program.run({ ...b, [inputName]: x })];
  return outputDeviation(before.output as Tensor, after.output as Tensor, x);
}

/** How far two outputs for the inputs `x` are apart. */
export function outputDeviation(before: Tensor, after: Tensor, x: Tensor): OutputDeviation {
  const [y, z] = [toNumbers(before), toNumbers(after)];
  const samples = x.shape[0] as number;
  const size = y.length / samples;
  const each = Array.from({ length: samples }, (_, i) =>
    deviationOf(y.subarray(i * size, (i + 1) * size), z.subarray(i * size, (i + 1) * size)),
  );
  const difference = Math.max(...each.map((deviation) => deviation.difference));
  const at = each.findIndex((deviation) => deviation.difference === difference);
  const worst = samplesOf(x, Math.min(at, Math.max(0, samples - 2)), Math.min(2, samples));
  return { difference, scale: Math.max(...each.map(({ scale }) => scale)), samples, worst };
}

/** Some of a stack of inputs, sharing its memory. */
export function samplesOf({ dtype, shape, data }: Tensor, start: number, count: number): Tensor {
  const size = elementCount(shape.slice(1));
  const part = data.subarray(start * size, (start + count) * size) as Float64Array<ArrayBuffer>;
  return tensor(dtype, [count, ...shape.slice(1)], part);
}

/** Inputs in the type that a network takes. */
export function inputType(x: Tensor, precision: "float64" | "float32"): Tensor {
  return isFloat(x.dtype) ? convert(x, precision) : convert(x, "int64");
}

/** Elements of all values together, most of which do not exist at the same time. */
const elementsAtOnce = 2 ** 26;
const samplesAtOnce = 1024;

function batchSize(output: Value): number {
  const elements = topologicalOrder([output]).reduce(
    (sum, { op, shape }) => sum + (op === "Input" ? 0 : elementCount(shape)),
    0,
  );
  return Math.min(samplesAtOnce, Math.max(1, Math.floor(elementsAtOnce / elements)));
}
