import { inputsOf, type Value } from "../graph/index.ts";
import { allocate, elementCount, type Tensor, tensor, zeros } from "../tensor/index.ts";
import type { LoopProgram, Program, Tensors } from "./engine.ts";
import { checkTensor } from "./feeds.ts";

/** The inputs and outputs of a loop's body, by what becomes of them from round to round. */
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

/** Sorts the inputs and outputs of a body. */
export function planLoop(outputs: Readonly<Record<string, Value>>, stepped: readonly string[]): LoopPlan {
  const inputs = inputsOf(Object.values(outputs));
  const isCarried = ({ attributes: { name } }: Value<"Input">) => Object.hasOwn(outputs, name);
  const isStepped = ({ attributes: { name } }: Value<"Input">) => stepped.includes(name);
  const inputNames = new Set(inputs.map(({ attributes }) => attributes.name));
  return {
    carried: inputs.filter(isCarried),
    stepped: inputs.filter(isStepped),
    shared: inputs.filter((value) => !isCarried(value) && !isStepped(value)),
    collected: Object.keys(outputs).filter((name) => !inputNames.has(name)),
  };
}

/** Throws unless `feeds` holds what a loop of so many rounds asks for. */
export function checkLoopFeeds({ carried, stepped, shared }: LoopPlan, rounds: number, feeds: Tensors): void {
  for (const { attributes } of [...carried, ...shared])
    checkTensor(attributes.name, attributes, feeds[attributes.name]);
  for (const { attributes } of stepped) {
    const expected = { dtype: attributes.dtype, shape: [rounds, ...attributes.shape] };
    checkTensor(attributes.name, expected, feeds[attributes.name]);
  }
}

/** A loop as so many runs of a program: for engines that cannot loop by themselves. */
export function loopOver(
  program: Program,
  outputs: Readonly<Record<string, Value>>,
  stepped: readonly string[],
): LoopProgram {
  const plan = planLoop(outputs, stepped);
  return {
    async run(rounds, feeds, into = {}) {
      checkLoopFeeds(plan, rounds, feeds);
      const collected: Record<string, Tensor[]> = Object.fromEntries(plan.collected.map((name) => [name, []]));
      let state = feeds;
      for (let round = 0; round < rounds; round++) {
        const own = plan.stepped.map(({ attributes: { name } }) => [name, roundOf(feeds[name] as Tensor, round)]);
        const next = plan.carried.map(({ attributes: { name, dtype, shape } }) => {
          const final = round === rounds - 1 ? into[name] : undefined;
          return [name, final ?? zeros(dtype, shape)];
        });
        const carried = Object.fromEntries(next);
        const results = await program.run({ ...state, ...Object.fromEntries(own) }, carried);
        for (const [name, values] of Object.entries(collected)) values.push(results[name] as Tensor);
        state = { ...state, ...carried };
      }
      const last = plan.carried.map(({ attributes: { name } }) => [name, state[name]]);
      const stacked = Object.entries(collected).map(([name, values]) => [name, stackRounds(values)]);
      return { ...Object.fromEntries(last), ...Object.fromEntries(stacked) };
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}

function roundOf({ dtype, shape, data }: Tensor, round: number): Tensor {
  const single = shape.slice(1);
  const size = elementCount(single);
  return tensor(dtype, single, data.subarray(round * size, (round + 1) * size) as Float64Array<ArrayBuffer>);
}

function stackRounds(values: readonly Tensor[]): Tensor {
  const { dtype, shape } = values[0] as Tensor;
  const size = elementCount(shape);
  const data = allocate(dtype, size * values.length) as Float64Array<ArrayBuffer>;
  for (const [round, value] of values.entries()) data.set(value.data as Float64Array, round * size);
  return tensor(dtype, [values.length, ...shape], data);
}
