import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import {
  actOnTensor,
  discoverSymmetry,
  type Factor,
  type GroupElement,
  identity,
  randomElement,
  unfold,
} from "../../symmetry/index.ts";
import { fold, rngKey, type Tensor } from "../../tensor/index.ts";
import { freeFactors } from "../weights/free-factors.ts";
import { gainsOf, type Matching, matchingOf } from "./gains.ts";
import { gramEngine } from "./gram-engine.ts";
import { inFloats } from "./site-products.ts";
import { siteRuns } from "./sites.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

/** Sums of some thousand products, in another order. */
const ROUNDING = 9;

/** The same, but for the first two units of every set. */
function withExchange({ permutations, scales }: GroupElement): GroupElement {
  const exchanged = permutations.map((units) => {
    const [first, second, ...others] = units;
    return second === undefined ? units : Int32Array.of(second, first as number, ...others);
  });
  return { permutations: exchanged, scales };
}

describe.each(architectures.map(({ name, network }) => [name, network] as const))("gains of %s", (name, network) => {
  const group = discoverSymmetry(network);
  const a = randomParameters(network, rngKey(1));
  const [b, other] = [2, 3].map((seed) => randomParameters(network, rngKey(seed))) as [typeof a, typeof a];
  const sites = siteRuns(group);

  it("are the products of the rows of a with those of b moved entry by entry", async () => {
    await using grams = gramEngine(engine);
    const element = randomElement(group, fold(rngKey(4), name), { spread: 1 });
    const pairs = new Map([b, other].map((second) => [second, matchingOf(group, [a, second], { grams, sites })]));
    for (const factor of freeFactors(group).slice(0, 4)) {
      const { size, copies } = group.factors[factor] as Factor;
      // What is known of some sites must not count twice, nor stand for all.
      await gainsOf(pairs.get(b) as Matching, factor, element, sites[factor]?.slice(0, 2));
      for (const [second, by] of [
        [b, identity(group)],
        [b, element],
        [b, withExchange(element)],
        [other, element],
      ] as const) {
        const own = await gainsOf(pairs.get(second) as Matching, factor, by);
        const expected = new Map<string, Float64Array>();
        for (const { tensor, unfolding, others, signs } of sites[factor] ?? []) {
          const x = unfold(unfolding, inFloats(a[tensor] as Tensor)).data as Float64Array;
          const moved = actOnTensor(others, by, inFloats(second[tensor] as Tensor));
          const y = unfold(unfolding, moved).data as Float64Array;
          const sums = expected.get(signs.join()) ?? new Float64Array(copies * size * size);
          expected.set(signs.join(), sums);
          const { length } = unfolding;
          for (let k = 0; k < sums.length; k++) {
            const row = Math.floor(k / size);
            const column = row - (row % size) + (k % size);
            for (let l = 0; l < length; l++)
              sums[k] = (sums[k] as number) + (x[row * length + l] as number) * (y[column * length + l] as number);
          }
        }
        expect(own.map(({ signs }) => signs.join()).sort()).toEqual([...expected.keys()].sort());
        for (const { signs, values } of own) {
          const right = expected.get(signs.join()) as Float64Array;
          const worst = Float64Array.from(values).reduce(
            (most, value, k) => Math.max(most, Math.abs(value - (right[k] as number))),
            0,
          );
          expect(worst).toBeCloseTo(0, ROUNDING);
        }
      }
    }
  });
});
