import { afterAll, describe, expect, it } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, mlp, type Parameters, resnet18 } from "../../nets/index.ts";
import { act, discoverSymmetry, identity, inverse, randomElement } from "../../symmetry/index.ts";
import { fold, normal, rngKey, tensor, toNumbers } from "../../tensor/index.ts";
import { gramEngine, matchingOf, siteRuns } from "../matching/index.ts";
import { fingerprintStart } from "./fingerprint-start.ts";
import { placingOrder } from "./placing-order.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(4);

/** As much noise as weight. */
function noisy(parameters: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { shape, ...own }]) => {
      const numbers = toNumbers({ shape, ...own });
      const deviation = Math.hypot(...numbers) / Math.sqrt(numbers.length);
      const noise = normal(fold(key, name), shape, { dtype: "float64", deviation }).data;
      return [
        name,
        tensor(
          "float64",
          shape,
          Float64Array.from(numbers, (x, i) => x + (noise[i] as number)),
        ),
      ];
    }),
  );
}

describe("units are placed", () => {
  const orderOf = (network: ReturnType<typeof mlp>) => {
    const group = discoverSymmetry(network);
    return placingOrder(group, siteRuns(group)).map(({ factor, anchors }) => ({
      factor: group.factors[factor]?.name,
      anchors: anchors.map(({ tensor, run }) => `${tensor} ${run.place.axis}`),
    }));
  };

  it("by the longest of what has its place, from both ends on", () => {
    const network = mlp({ input: [9], widths: [8, 7, 6, 5], outputs: 11 });
    expect(orderOf(network)).toEqual([
      { factor: "layers.3", anchors: ["layers.3.bias 0", "layers.4.weight 1"] },
      { factor: "layers.0", anchors: ["layers.0.weight 0", "layers.0.bias 0"] },
      { factor: "layers.1", anchors: ["layers.1.weight 0", "layers.1.bias 0"] },
      { factor: "layers.2", anchors: ["layers.2.weight 0", "layers.2.bias 0", "layers.3.weight 1"] },
    ]);
  });

  it("without anchors where these could not tell so many units apart", () => {
    const network = mlp({ input: [3], widths: [40, 40], outputs: 2 });
    expect(orderOf(network).map(({ anchors }) => anchors)).toEqual([[], []]);
  });
});

describe.each([
  ["an mlp", mlp({ input: [40], widths: [50, 60, 50], outputs: 10 })],
  ["a residual network", resnet18({ input: [3, 8, 8], outputs: 10, width: 8 })],
] as const)("the start of %s", (_, network) => {
  it("is the planted renumbering, however units are numbered, under as much noise as weight", async () => {
    const group = discoverSymmetry(network);
    const a = initializeParameters(network, key, "float64");
    const planted = { ...randomElement(group, fold(key, "planted")), scales: identity(group).scales };
    await using grams = gramEngine(engine);
    const matching = matchingOf(group, [a, act(group, planted, noisy(a))], { grams });
    const { permutations } = await fingerprintStart(matching);
    expect(permutations).toEqual(inverse(group, planted).permutations);
  });
});
