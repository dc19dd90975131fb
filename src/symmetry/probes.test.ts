import { describe, expect, it } from "vitest";
import { gpt2, llama, mlp } from "../nets/index.ts";
import { rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { probeInputs } from "./probes.ts";

const key = rngKey(3);

describe("probes", () => {
  it("are normal, the last two smaller and larger", () => {
    const [probes] = probeInputs(mlp({ input: 4000, widths: [], outputs: 2 }), key, 4) as [Tensor];
    expect(probes).toMatchObject({ dtype: "float64", shape: [4, 4000] });
    const numbers = toNumbers(probes);
    const deviations = [0, 1, 2, 3].map((i) => deviation(numbers.subarray(i * 4000, (i + 1) * 4000)));
    for (const [i, expected] of [1, 1, 0.1, 10].entries())
      expect((deviations[i] as number) / expected).toBeCloseTo(1, 1);
  });

  it("do not depend on how many there are, but for the scale of the last two", () => {
    const network = mlp({ input: 3, widths: [], outputs: 2 });
    const [few] = probeInputs(network, key, 2) as [Tensor];
    const [many] = probeInputs(network, key, 9) as [Tensor];
    expect(toNumbers(many).subarray(0, 6)).toEqual(toNumbers(few));
  });

  it("of a language model meet every token, first in one long sequence and then in short ones", () => {
    const probes = probeInputs(gpt2({ vocabulary: 50, context: 100, width: 4, depth: 1, heads: 1 }), key, 3);
    expect(probes.map(({ dtype, shape }) => [dtype, ...shape])).toEqual([
      ["int64", 1, 100],
      ["int64", 2, 64],
    ]);
    const tokens = probes.flatMap((each) => [...toNumbers(each)]);
    const all = Array.from({ length: 50 }, (_, token) => token);
    expect(tokens.slice(0, 50).sort((a, b) => a - b)).toEqual(all);
    expect(tokens.slice(50, 100).sort((a, b) => a - b)).toEqual(all);
    expect(tokens.slice(50, 100)).not.toEqual(tokens.slice(0, 50));
    expect(tokens).toHaveLength(228);
  });

  it("are tokens that the embedding has, whatever comes out", () => {
    const narrow = llama({ vocabulary: 5, context: 8, width: 8, depth: 1, heads: 2, kvHeads: 1, hidden: 4 });
    const network = { ...narrow, outputs: 1000 };
    const [tokens] = probeInputs(network, key, 1) as [Tensor];
    expect(new Set(toNumbers(tokens))).toEqual(new Set([0, 1, 2, 3, 4]));
  });
});

function deviation(numbers: Float64Array): number {
  return Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
}
