import { inputsOf } from "./order.ts";
import type { Value } from "./value.ts";

/** A graph that is run round after round, by what becomes of its inputs and outputs from one round to the next. */
export interface LoopPlan {
  /** Inputs that an output of the same name replaces. */
  readonly carried: readonly Value<"Input">[];
  /** Inputs with a value of their own for every round. */
  readonly stepped: readonly Value<"Input">[];
  /** Inputs that stay the same. */
  readonly shared: readonly Value<"Input">[];
  /** Names of the outputs that are collected over the rounds. */
  readonly collected: readonly string[];
}

/** Sorts the inputs and outputs of a loop's body; names in `stepped` that are not inputs do not matter. */
export function planLoop(outputs: Readonly<Record<string, Value>>, stepped: readonly string[]): LoopPlan {
  const inputs = inputsOf(Object.values(outputs));
  const isCarried = ({ attributes: { name } }: Value<"Input">) => Object.hasOwn(outputs, name);
  const isStepped = ({ attributes: { name } }: Value<"Input">) => stepped.includes(name);
  const inputNames = new Set(inputs.map(({ attributes }) => attributes.name));
  return {
    carried: inputs.filter(isCarried),
    stepped: inputs.filter((value) => isStepped(value) && !isCarried(value)),
    shared: inputs.filter((value) => !isCarried(value) && !isStepped(value)),
    collected: Object.keys(outputs).filter((name) => !inputNames.has(name)),
  };
}
