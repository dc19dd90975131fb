import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Model } from "../nets/index.ts";
import { formatShape, sameShape, type Tensor } from "../tensor/index.ts";
import { type Certificate, type CertifyOptions, verdictOn } from "./certificate.ts";
import {
  deviationOfNone,
  inputType,
  joined,
  type OutputDeviation,
  outputDeviation,
  samplesOf,
} from "./compare-outputs.ts";
import { inputName, networkOutput } from "./network-graph.ts";
import { inPrecision, type Precision, precisionFor, workOf } from "./precision.ts";
import { probeInputs } from "./probes.ts";
import { toleranceFor } from "./tolerance.ts";

const PROBES = 8;
/** Samples that are computed together. */
const BATCH = 16;

/**
 * Whether two networks, of other widths say, compute the same function: both are evaluated on the same random inputs, and
 * on data where it is given. The tolerance is that for a change of numbers by rounding, unless another is given.
 */
export async function certifyModels(
  a: Model,
  b: Model,
  options: Omit<CertifyOptions, "element" | "inPieces">,
): Promise<Certificate> {
  checkSameInterface(a, b);
  const { key, data, probes = PROBES } = options;
  const inputs = [...probeInputs(a.network, key, probes), ...(data ? [data] : [])];
  const works = [a, b].map(({ network }) => workOf([outputOf(network, 1)]));
  const samples = inputs.reduce((count, { shape }) => count + (shape[0] as number), 0);
  const chosen = await precisionFor(options.engine, {
    precision: options.precision,
    work: () => samples * works.reduce((sum, work) => sum + work),
  });
  const tolerance =
    options.tolerance ??
    (await toleranceFor(a.network, [a.parameters, a.parameters], { ...chosen, inputs, element: undefined }));
  const verdict = verdictOn(await compareModels(a, b, { inputs, ...chosen }), tolerance);
  return { ...verdict, inPieces: false, tolerance, precision: chosen.precision, firstDifference: null };
}

function outputOf(network: Model["network"], batch: number) {
  return networkOutput(network, { shape: [batch, ...network.inputShape], dtype: "float64" });
}

interface Comparison extends Precision {
  readonly inputs: readonly Tensor[];
}

async function compareModels(a: Model, b: Model, { inputs, engine, precision }: Comparison): Promise<OutputDeviation> {
  let total = deviationOfNone(inputs);
  for (const stack of inputs) {
    const [count = 1, ...rest] = stack.shape;
    const batch = Math.min(count, BATCH);
    const shape = [batch, ...rest];
    await using runs = await runnerOf(engine, a, { shape, precision });
    await using others = await runnerOf(engine, b, { shape, precision });
    for (let start = 0; start < count && total.difference < Infinity; start += batch) {
      const x = inputType(samplesOf(stack, Math.min(start, count - batch), batch), precision);
      const each = outputDeviation(await runs.outputFor(x), await others.outputFor(x), x);
      total = joined(total, each, Math.min(batch, count - start));
    }
  }
  return total;
}

async function runnerOf(
  engine: Engine,
  { network, parameters }: Model,
  { shape, precision }: { readonly shape: readonly number[]; readonly precision: Precision["precision"] },
) {
  const program = await engine.compile({ output: networkOutput(network, { shape, dtype: precision }) });
  const weights = inPrecision(parameters, precision);
  return {
    outputFor: async (x: Tensor) => (await program.run({ ...weights, [inputName]: x })).output as Tensor,
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

function checkSameInterface({ network: a }: Model, { network: b }: Model): void {
  check(sameShape(a.inputShape, b.inputShape) && a.outputs === b.outputs && a.inputKind === b.inputKind, () => ({
    code: "different-networks",
    where: "certify",
    message: `expected inputs ${formatShape(a.inputShape)} and ${a.outputs} outputs, got ${formatShape(b.inputShape)} and ${b.outputs}`,
    remedy: "compare two networks for one task",
  }));
}
