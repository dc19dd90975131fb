import type { Value } from "../../graph/index.ts";
import { type Tensor, toNumbers, zeros } from "../../tensor/index.ts";
import type { LoopProgram, Members, Tensors } from "../engine.ts";
import { checkLoopFeeds } from "../loop.ts";
import { withMembers } from "../side-by-side.ts";
import { type Instance, instantiate } from "./instance.ts";
import { type Unrolled, unroll } from "./unroll.ts";

/**
 * The loop as WebAssembly that passes once over the samples per round, member by member, or null where another engine has
 * to run it: unless all of it is float64, the network is small, and nothing but sums over all samples connects one with
 * another.
 */
export async function unrolledLoop(
  outputs: Readonly<Record<string, Value>>,
  stepped: readonly string[],
  members?: Members,
): Promise<LoopProgram | null> {
  const unrolled = unroll(outputs, stepped);
  if (!unrolled) return null;
  const { plan } = unrolled;
  const all = {
    shared: plan.shared.map((value) => withMembers(value, members)),
    stepped: plan.stepped.map((value) => withMembers(value, members)),
    carried: plan.carried.map((value) => withMembers(value, members)),
  };
  const instance = await instantiate(unrolled);
  return {
    async run(rounds, feeds, into = {}) {
      checkLoopFeeds(all, rounds, feeds);
      const results = resultTensors(unrolled, rounds, members, into);
      runMembers(unrolled, instance, { rounds, feeds, members, results });
      return results;
    },
    async [Symbol.asyncDispose]() {},
  };
}

type Results = Readonly<Record<string, Tensor<"float64">>>;

function resultTensors(
  { plan, outputs }: Unrolled,
  rounds: number,
  members: Members | undefined,
  into: Tensors,
): Results {
  const axis = members ? [members.count] : [];
  const results = [...outputs].map(([name, { shape }]) => {
    if (plan.collected.includes(name)) return [name, zeros("float64", [rounds, ...axis, ...shape])] as const;
    return [name, (into[name] as Tensor<"float64">) ?? zeros("float64", [...axis, ...shape])] as const;
  });
  return Object.fromEntries(results);
}

interface Task {
  readonly rounds: number;
  readonly feeds: Tensors;
  readonly members: Members | undefined;
  readonly results: Results;
}

function runMembers({ plan }: Unrolled, instance: Instance, { rounds, feeds, members, results }: Task): void {
  const count = members?.count ?? 1;
  const reading = (inputs: readonly Value<"Input">[]) =>
    inputs.flatMap(({ attributes: { name } }) => {
      const place = instance.parameter(name);
      const isOwn = members?.own.includes(name) ?? false;
      return place ? [{ place, numbers: toNumbers(feeds[name] as Tensor), isOwn }] : [];
    });
  const given = reading([...plan.shared, ...plan.carried]);
  const steps = reading(plan.stepped);
  const collected = plan.collected.map((name) => ({
    from: instance.output(name),
    into: results[name]?.data as Float64Array,
  }));
  const carried = plan.carried.map(({ attributes: { name } }) => ({
    from: instance.output(name),
    back: instance.parameter(name) as Float64Array,
    into: results[name]?.data as Float64Array,
  }));
  instance.writeSamples(feeds);
  for (let member = 0; member < count; member++) {
    for (const { place, numbers, isOwn } of given) place.set(row(numbers, isOwn ? member : 0, place.length));
    for (let round = 0; round < rounds; round++) {
      for (const { place, numbers, isOwn } of steps) {
        place.set(row(numbers, isOwn ? round * count + member : round, place.length));
      }
      instance.run();
      for (const { from, into } of collected) into.set(from, (round * count + member) * from.length);
      for (const { from, back } of carried) back.set(from);
    }
    for (const { from, into } of carried) into.set(from, member * from.length);
  }
}

function row(numbers: Float64Array, index: number, length: number): Float64Array {
  return numbers.subarray(index * length, (index + 1) * length);
}
