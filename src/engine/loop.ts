import { check } from "../errors.ts";
import { type LoopPlan, planLoop, type Value } from "../graph/index.ts";
import { partOf, stack, type Tensor, zeros } from "../tensor/index.ts";
import type { LoopProgram, Program, Tensors } from "./engine.ts";
import { checkFeeds, checkTensor } from "./feeds.ts";
import { pauses } from "./pauses.ts";

/** Throws unless `feeds` holds what a loop of so many rounds asks for. */
export function checkLoopFeeds(
  { carried, stepped, shared }: Pick<LoopPlan, "carried" | "stepped" | "shared">,
  rounds: number,
  feeds: Tensors,
): void {
  check(Number.isInteger(rounds) && rounds >= 1, () => ({
    code: "bad-rounds",
    where: "loop",
    message: `expected at least one round, got ${rounds}`,
  }));
  checkFeeds([...carried, ...shared], feeds);
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
  const pause = pauses();
  return {
    async run(rounds, feeds, into = {}) {
      checkLoopFeeds(plan, rounds, feeds);
      const collected: Record<string, Tensor[]> = Object.fromEntries(plan.collected.map((name) => [name, []]));
      let state = feeds;
      for (let round = 0; round < rounds; round++) {
        const own = plan.stepped.map(({ attributes: { name } }) => [name, partOf(feeds[name] as Tensor, round)]);
        const next = plan.carried.map(({ attributes: { name, dtype, shape } }) => {
          const final = round === rounds - 1 ? into[name] : undefined;
          return [name, final ?? zeros(dtype, shape)];
        });
        const carried = Object.fromEntries(next);
        const results = await program.run({ ...state, ...Object.fromEntries(own) }, carried);
        for (const [name, values] of Object.entries(collected)) values.push(results[name] as Tensor);
        state = { ...state, ...carried };
        const rest = pause();
        if (rest) await rest;
      }
      const last = plan.carried.map(({ attributes: { name } }) => [name, state[name]]);
      const stacked = Object.entries(collected).map(([name, values]) => [name, stack(values)]);
      return { ...Object.fromEntries(last), ...Object.fromEntries(stacked) };
    },
    [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
  };
}
