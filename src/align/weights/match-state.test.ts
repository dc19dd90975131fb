import { expect, it } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, llama, mlp, type Network, type Parameters as Weights } from "../../nets/index.ts";
import { discoverSymmetry } from "../../symmetry/index.ts";
import { lazyTensor, rngKey, shelf } from "../../tensor/index.ts";
import { restoreState, type StoredState, storeState } from "./match-state.ts";
import { type MatchOptions, matchWeights } from "./match-weights.ts";

const engine = referenceEngine();
const sizes = { vocabulary: 12, context: 4, width: 8, depth: 1, heads: 2, kvHeads: 1, hidden: 12 };
const networks: readonly (readonly [string, Network])[] = [
  ["an mlp", mlp({ input: [7], widths: [9, 8, 6], outputs: 3 })],
  ["an mlp with signs", mlp({ input: [7], widths: [9, 8], outputs: 3, activation: "tanh" })],
  ["a llama", llama(sizes)],
];

/** What a file makes of a state. */
function throughText({ tensors, rest }: StoredState): StoredState {
  return { tensors, rest: JSON.parse(JSON.stringify(rest)) };
}

/** As read from a file tensor by tensor: nothing is kept of such, so that every step leaves a state. */
function streamed(parameters: Weights): Weights {
  const own = shelf();
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { dtype, shape, data }]) => [
      name,
      lazyTensor({ dtype, shape, load: () => data.slice() as typeof data }, own),
    ]),
  );
}

const cases = networks.flatMap(([name, network]) => [
  { name, how: "in memory", network, read: (own: Weights) => own, fewest: 2 },
  { name, how: "streamed", network, read: streamed, fewest: 10 },
]);

it.each(cases)(
  "a matching of $name $how goes on from every state to the same end",
  async ({ network, read, fewest }) => {
    const group = discoverSymmetry(network);
    const [a, b] = [0, 1].map((seed) => read(initializeParameters(network, rngKey(seed)))) as [Weights, Weights];
    const options: MatchOptions = { engine, key: rngKey(2), restarts: 3 };
    const states: StoredState[] = [];
    const onState = async (state: Parameters<NonNullable<MatchOptions["onState"]>>[0]) => {
      states.push(throughText(storeState(state())));
    };
    const whole = await matchWeights(a, b, group, { ...options, onState });
    expect(states.length).toBeGreaterThanOrEqual(fewest);
    expect(new Set(states.map(({ rest }) => JSON.stringify(rest))).size).toBe(states.length);
    for (const [i, state] of states.entries()) {
      let left = 0;
      const count = async () => void left++;
      const resumed = { ...options, onState: count, resume: restoreState(state) };
      expect(await matchWeights(a, b, group, resumed)).toEqual(whole);
      expect(left).toBeLessThanOrEqual(states.length - i);
    }
  },
);
