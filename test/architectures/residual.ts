import { matchWeights } from "../../src/align/index.ts";
import type { Engine } from "../../src/engine/index.ts";
import { defineNetwork, initializeParameters, linear, type Network, type Parameters } from "../../src/nets/index.ts";
import {
  act,
  compose,
  discoverSymmetry,
  type GroupElement,
  identity,
  randomElement,
} from "../../src/symmetry/index.ts";
import { fold, fromNumbers, normal, type RngKey, rngKey, toNumbers } from "../../src/tensor/index.ts";

/** Sizes of a residual network of dense layers. */
export interface ResidualSizes {
  /** Units of the stream that all blocks read and add to. */
  readonly stream: number;
  /** Hidden units of each block. */
  readonly block: number;
}

/** Three blocks around one stream, all of whose units keep one order from the first layer to the last. */
export function residualMlp({ stream, block }: ResidualSizes): Network {
  return defineNetwork({
    description: { net: "residual-mlp" },
    inputShape: [16],
    inputKind: "real",
    outputs: 10,
    forward: (x, scope) => {
      const start = linear(scope.within("first"), x, { outputs: stream });
      const end = ["blocks.0", "blocks.1", "blocks.2"].reduce((carried, name) => {
        const inside = scope.within(name);
        const hidden = linear(inside.within("up"), carried.relu(), { outputs: block }).relu();
        return carried.add(linear(inside.within("down"), hidden, { outputs: stream }));
      }, start);
      return linear(scope.within("last"), end.relu(), { outputs: 10 });
    },
  });
}

/** The sizes at which coordinate descent from the units as they stand recovers 1 of 40, or none. */
export const residualSizes: readonly ResidualSizes[] = [
  { stream: 30, block: 50 },
  { stream: 64, block: 128 },
  { stream: 128, block: 512 },
];

interface Planting {
  readonly engine: Engine;
  /** Deviation of the noise on the copy, relative to that of each tensor. */
  readonly noise: number;
  readonly seeds: number;
}

/** From how many seeds matching undoes, unit by unit, a random renumbering of a noisy copy. */
export async function recoveries(sizes: ResidualSizes, { engine, noise, seeds }: Planting): Promise<number> {
  const network = residualMlp(sizes);
  const group = discoverSymmetry(network);
  let count = 0;
  for (let seed = 0; seed < seeds; seed++) {
    const key = fold(rngKey(seed), "residual", sizes.stream);
    const a = initializeParameters(network, key);
    const planted = { ...identity(group), permutations: randomElement(group, fold(key, "planted")).permutations };
    const b = act(group, planted, withNoise(a, noise, fold(key, "noise")));
    const { element } = await matchWeights(a, b, group, { engine, key });
    if (isIdentity(compose(group, element, planted), identity(group))) count++;
  }
  return count;
}

function isIdentity({ permutations }: GroupElement, still: GroupElement): boolean {
  return permutations.every((units, factor) => units.join() === still.permutations[factor]?.join());
}

function withNoise(parameters: Parameters, noise: number, key: RngKey): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, each]) => {
      const numbers = toNumbers(each);
      const deviation = noise * Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
      const { data } = normal(fold(key, name), each.shape, { dtype: "float64" });
      const noisy = numbers.map((x, i) => x + deviation * (data[i] as number));
      return [name, fromNumbers(each.dtype, [...noisy], each.shape)];
    }),
  );
}
