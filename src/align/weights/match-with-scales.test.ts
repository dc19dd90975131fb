import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { act, discoverSymmetry, randomElement } from "../../symmetry/index.ts";
import { fold, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { matchWithScales } from "./match-with-scales.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

/** Roundings of float64 in scales that are divided by each other. */
const ROUNDING = 1e-9;

const scaled = architectures.filter(({ network }) =>
  discoverSymmetry(network).generators.some(({ kind }) => kind === "scale"),
);

describe.each(scaled.map(({ name, network }) => [name, network] as const))(
  "matching of %s with scales",
  (name, network) => {
    const group = discoverSymmetry(network);
    const a = randomParameters(network, rngKey(1));

    it("recovers a from what scales, signs and a renumbering make of it", async () => {
      const b = act(group, randomElement(group, fold(rngKey(2), name), { spread: 4 }), a);
      const { parameters, element } = await matchWithScales(a, b, group, { engine, key: rngKey(3) });
      expect(parameters).toEqual(act(group, element, b));
      for (const [tensor, own] of Object.entries(a)) {
        const [x, y] = [own, parameters[tensor] as Tensor].map(toNumbers) as [Float64Array, Float64Array];
        const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const worst = x.reduce((most, value, i) => Math.max(most, Math.abs(value - (y[i] as number))), 0);
        expect(worst).toBeLessThan(ROUNDING * largest);
      }
    });
  },
);
