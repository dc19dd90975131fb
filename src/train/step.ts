import type { Dataset } from "../data/index.ts";
import { adjoint, input, type Value } from "../graph/index.ts";
import type { Network } from "../nets/index.ts";
import type { DType } from "../tensor/index.ts";
import { gradientScale, type Optimizer, slotNames, updateParameter } from "./optimizers.ts";
import { batchInputs, batchTargets, errorOf, lossOf, sampleInputs } from "./samples.ts";

export interface StepOptions {
  readonly optimizer: Optimizer;
  readonly batchSize: number;
  readonly dtype: DType;
}

/** Name of a tensor that the optimiser keeps beside a parameter. */
export function slotName(slot: string, parameter: string): string {
  return `${slot}/${parameter}`;
}

/**
 * One training step as a graph: from the state (parameters and optimiser slots), a batch and the learning rate to the
 * next state, under the same names, and the batch's `loss` and `error` before the step.
 */
export function trainingStep(
  network: Network,
  dataset: Dataset,
  options: StepOptions,
): Readonly<Record<string, Value>> {
  const { optimizer, batchSize, dtype } = options;
  const samples = sampleInputs(dataset.train, batchSize);
  const parameters = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)]));
  const trained = network.parameters.filter(({ trainable }) => trainable).map(({ name }) => parameters[name] as Value);
  const targets = batchTargets(samples, dtype);
  const { output, updates } = network.apply(batchInputs(samples, dataset, dtype), parameters, { training: true });
  const loss = lossOf(dataset, output, targets);
  const error = errorOf(dataset, output, targets);
  const scalars = {
    learningRate: input("learningRate", dtype, []),
    firstCorrection: input("firstCorrection", dtype, []),
    secondCorrection: input("secondCorrection", dtype, []),
  };
  const result: Record<string, Value> = { ...updates };
  const gradients = adjoint([loss], [gradientScale(optimizer, scalars)], trained);
  for (const [i, gradient] of gradients.entries()) {
    const parameter = trained[i] as Value<"Input">;
    const { name } = parameter.attributes;
    const slots = slotInputs(optimizer, parameter);
    const update = updateParameter(optimizer, parameter, gradient, slots, scalars);
    result[name] = update.parameter;
    for (const [k, slot] of slotNames(optimizer).entries()) {
      result[slotName(slot, name)] = update.slots[k] as Value;
    }
  }
  return { ...result, loss, ...(error && { error }) };
}

function slotInputs(optimizer: Optimizer, parameter: Value<"Input">): Value<"Input">[] {
  const { name, dtype, shape } = parameter.attributes;
  return slotNames(optimizer).map((slot) => input(slotName(slot, name), dtype, shape));
}
