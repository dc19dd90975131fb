import type { Model, Parameters } from "../nets/index.ts";
import type { Tensor } from "../tensor/index.ts";
import type { CertifyOptions } from "./certificate.ts";
import { inputType } from "./compare-outputs.ts";
import { deviationOf, noDeviation, relativeDeviation } from "./deviation.ts";
import { inputName, networkOutput } from "./network-graph.ts";
import { inPrecision, precisionFor } from "./precision.ts";
import { probeInputs } from "./probes.ts";

const PROBES = 8;

/**
 * How far the outputs under other parameters are from those of a model, relative to the largest: on random inputs, and on
 * data where it is given; in float64.
 */
export async function outputDeviations(
  { network, parameters }: Model,
  others: Iterable<Parameters>,
  options: Pick<CertifyOptions, "engine" | "key" | "probes" | "data">,
): Promise<number[]> {
  const { key, data, probes = PROBES } = options;
  const inputs = [...probeInputs(network, key, probes), ...(data ? [data] : [])];
  const { engine } = await precisionFor(options.engine, { precision: "float64", work: () => 0 });
  await using programs = new AsyncDisposableStack();
  const runs: ((own: Parameters) => Promise<Tensor>)[] = [];
  for (const stack of inputs) {
    const output = networkOutput(network, { shape: stack.shape, dtype: "float64" });
    const program = programs.use(await engine.compile({ output }));
    const x = inputType(stack, "float64");
    runs.push(async (own) => (await program.run({ ...own, [inputName]: x })).output as Tensor);
  }
  const outputsOf = (own: Parameters) => Promise.all(runs.map((run) => run(inPrecision(own, "float64"))));
  const first = await outputsOf(parameters);
  const deviations: number[] = [];
  for (const other of others) {
    const each = (await outputsOf(other)).map((made, i) => deviationOf(numbersOf(first[i] as Tensor), numbersOf(made)));
    const worst = each.reduce(
      (a, b) => ({ difference: Math.max(a.difference, b.difference), scale: Math.max(a.scale, b.scale) }),
      noDeviation,
    );
    deviations.push(relativeDeviation(worst));
  }
  return deviations;
}

function numbersOf({ data }: Tensor): Float64Array {
  return data as Float64Array;
}
