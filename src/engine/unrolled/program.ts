import type { Value } from "../../graph/index.ts";
import { elementCount, type Tensor, toNumbers, zeros } from "../../tensor/index.ts";
import type { LoopProgram, Members, Tensors } from "../engine.ts";
import { checkTensor } from "../feeds.ts";
import { checkLoopFeeds } from "../loop.ts";
import { pauses } from "../pauses.ts";
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
  const pause = pauses();
  let before: Promise<void> = Promise.resolve();
  return {
    async run(rounds, feeds, into = {}) {
      checkLoopFeeds(all, rounds, feeds);
      const results = resultTensors(unrolled, { rounds, members, into });
      // All runs use the same memory, and a run that pauses lets others begin.
      const own = before.then(() => runMembers(unrolled, instance, { rounds, feeds, members, results, pause }));
      before = own.catch(() => {});
      await own;
      return results;
    },
    async [Symbol.asyncDispose]() {},
  };
}

type Results = Readonly<Record<string, Tensor<"float64">>>;

interface ResultOptions {
  readonly rounds: number;
  readonly members: Members | undefined;
  readonly into: Tensors;
}

function resultTensors({ plan, outputs }: Unrolled, { rounds, members, into }: ResultOptions): Results {
  const axis = members ? [members.count] : [];
  const results = [...outputs].map(([name, { shape }]) => {
    if (plan.collected.includes(name)) return [name, zeros("float64", [rounds, ...axis, ...shape])] as const;
    const fresh = zeros("float64", [...axis, ...shape]);
    const given = into[name];
    if (given) checkTensor(name, fresh, given);
    return [name, (given as Tensor<"float64"> | undefined) ?? fresh] as const;
  });
  return Object.fromEntries(results);
}

interface Task {
  readonly rounds: number;
  readonly feeds: Tensors;
  readonly members: Members | undefined;
  readonly results: Results;
  pause(): Promise<void> | null;
}

/** The values of an input, one after another. */
interface Feed {
  readonly name: string;
  readonly numbers: Float64Array;
  /** How many numbers one value has. */
  readonly size: number;
  readonly isOwn: boolean;
}

async function runMembers({ plan }: Unrolled, instance: Instance, task: Task): Promise<void> {
  const { rounds, feeds, members, results, pause } = task;
  const count = members?.count ?? 1;
  const reading = (inputs: readonly Value<"Input">[]) =>
    inputs.map(({ shape, attributes: { name } }): Feed => {
      const numbers = toNumbers(feeds[name] as Tensor);
      return { name, numbers, size: elementCount(shape), isOwn: members?.own.includes(name) ?? false };
    });
  const write = ({ name, numbers, size }: Feed, index: number) =>
    instance.write(name, numbers.subarray(index * size, (index + 1) * size));
  const [shared, stepped, carried] = [plan.shared, plan.stepped, plan.carried].map(reading) as [Feed[], Feed[], Feed[]];
  const resultOf = (name: string) => ({ name, from: instance.output(name), into: results[name]?.data as Float64Array });
  const collected = plan.collected.map(resultOf);
  const last = carried.map(({ name }) => resultOf(name));
  for (const feed of shared) if (!feed.isOwn) write(feed, 0);
  for (let member = 0; member < count; member++) {
    for (const feed of shared) if (feed.isOwn) write(feed, member);
    for (const feed of carried) write(feed, feed.isOwn ? member : 0);
    for (let round = 0; round < rounds; round++) {
      for (const feed of stepped) write(feed, feed.isOwn ? round * count + member : round);
      instance.run();
      for (const { from, into } of collected) into.set(from, (round * count + member) * from.length);
      for (const { name, from } of last) instance.write(name, from);
      const rest = pause();
      if (rest) await rest;
    }
    for (const { from, into } of last) into.set(from, member * from.length);
  }
}
