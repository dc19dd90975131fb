import { describe, expect, it } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { initializeParameters, mlp, type Parameters } from "../nets/index.ts";
import { act, discoverSymmetry, randomElement } from "../symmetry/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { diagnose } from "./diagnose.ts";
import { layerCosines } from "./matching/layer-cosines.ts";
import { everyElement } from "./weights/exhaustive.ts";
import { matchWeights } from "./weights/index.ts";

const key = rngKey(21);
const network = mlp({ input: [12], widths: [24, 24], outputs: 4 });
const group = discoverSymmetry(network);
const a = initializeParameters(network, rngKey(1), "float64");

/** Every weight moved by a normal number of `part` of the deviation of its tensor. */
function noisy(parameters: Parameters, part: number): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { dtype, shape, ...rest }]) => {
      const numbers = toNumbers({ dtype, shape, ...rest } as Tensor);
      const size = Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
      const { data } = normal(fold(rngKey(3), name), shape, { dtype: "float64" });
      return [name, fromNumbers(dtype, [...numbers.map((x, i) => x + part * size * (data[i] as number))], shape)];
    }),
  );
}

const shuffled = (parameters: Parameters) => act(group, randomElement(group, key, { spread: 1 }), parameters);
const independent = initializeParameters(network, rngKey(2), "float64");

async function diagnosisOf(b: Parameters) {
  await using engine = referenceEngine();
  return await diagnose(a, b, group, { engine, key });
}

describe("a diagnosis", () => {
  it.each([
    ["a copy", a, "same-orbit", false, /averaging changes nothing/],
    ["a shuffled copy", shuffled(a), "same-orbit", true, /canonicalize both/],
    ["a copy of other scales", act(group, randomElement(group, key), a), "same-orbit", true, /canonicalize both/],
    ["a fine-tune", noisy(a, 0.3), "same-ancestor", false, /is likely to work/],
    ["a shuffled fine-tune", shuffled(noisy(a, 0.3)), "same-ancestor", true, /ruin both; align, then average/],
    ["a distant relative", noisy(a, 1.5), "aligned", false, /measure the barrier/],
    ["a shuffled distant relative", shuffled(noisy(a, 1.5)), "different-basins", true, /align them first/],
    ["an independent network", independent, "different-basins", true, /align them first/],
  ] as const)("of %s says what averaging would do", async (_, b, verdict, alignFirst, advice) => {
    const found = await diagnosisOf(b);
    expect(found).toMatchObject({ verdict, alignFirst });
    expect(found.advice).toMatch(advice);
  });

  it("calls units alike that matching could hardly place better, whatever the number that it moves", async () => {
    const [x, y] = [withDeadUnits(a, a), withDeadUnits(noisy(a, 0.3), independent)];
    await using engine = referenceEngine();
    const found = await diagnose(x, y, group, { engine, key });
    expect(found).toMatchObject({ verdict: "same-ancestor", alignFirst: false });
    expect(found.moved).toBeGreaterThan(0.2);
  });

  it("takes a matching that is known for its own", async () => {
    await using engine = referenceEngine();
    const match = await matchWeights(a, independent, group, { engine, key });
    const compile = () => Promise.reject(new Error("nothing is left to compute"));
    const idle = { ...engine, compile, compileLoop: compile };
    expect(await diagnose(a, independent, group, { engine: idle, key, match })).toEqual(await diagnosisOf(independent));
  });
});

/** The first half of the units of the second layer with all but nothing, drawn apart. */
function withDeadUnits(parameters: Parameters, drawn: Parameters): Parameters {
  const rows = { "layers.1.weight": 24, "layers.1.bias": 1 };
  const dead = Object.entries({ ...rows, "layers.2.weight": 0 }).map(([name, width]) => {
    const { shape } = parameters[name] as Tensor;
    const others = toNumbers(drawn[name] as Tensor);
    const numbers = Array.from(toNumbers(parameters[name] as Tensor), (x, i) => {
      const unit = width === 0 ? i % 24 : Math.floor(i / width);
      return unit < 12 ? 1e-4 * (others[i] as number) : x;
    });
    return [name, fromNumbers("float64", numbers, shape)] as const;
  });
  return { ...parameters, ...Object.fromEntries(dead) };
}

describe("what chance would give", () => {
  const small = mlp({ input: [3], widths: [5], outputs: 2, activation: "gelu" });
  const own = discoverSymmetry(small);
  // With a mean of its own, as trained weights have.
  const [x, y] = [1, 2].map((seed) =>
    Object.fromEntries(
      Object.entries(initializeParameters(small, rngKey(seed), "float64")).map(([name, each]) => [
        name,
        { ...each, data: each.data.map((w) => w + 2) },
      ]),
    ),
  ) as [Parameters, Parameters];

  function cosineOf(b: Parameters, names: readonly string[]): number {
    const [p, q] = [x, b].map((each) => names.flatMap((name) => [...toNumbers(each[name] as Tensor)])) as [
      number[],
      number[],
    ];
    const dot = (u: number[], v: number[]) => u.reduce((sum, each, i) => sum + each * (v[i] as number), 0);
    return dot(p, q) / Math.sqrt(dot(p, p) * dot(q, q));
  }

  it("is the mean and the deviation over all renumberings, as far as sixteen of them tell", () => {
    const { layers, whole } = layerCosines({ a: x, b: y, matched: y }, own, key);
    const weights = ["layers.0.weight", "layers.1.weight"];
    expect(layers.map(({ tensor }) => tensor).sort()).toEqual(weights);
    for (const { tensor, ...found } of [{ tensor: "all", ...whole }, ...layers]) {
      const names = tensor === "all" ? weights : [tensor];
      const all = [...everyElement(own, 120)].map((element) => cosineOf(act(own, element, y), names));
      const mean = all.reduce((sum, each) => sum + each, 0) / all.length;
      const deviation = Math.sqrt(all.reduce((sum, each) => sum + (each - mean) ** 2, 0) / all.length);
      expect(mean).toBeGreaterThan(0.1);
      expect(Math.abs(found.chance.mean - mean)).toBeLessThan(deviation);
      expect(found.chance.deviation / deviation).toBeGreaterThan(0.5);
      expect(found.chance.deviation / deviation).toBeLessThan(1.5);
      expect(found.cosine).toBeCloseTo(cosineOf(y, names), 12);
    }
  });
});
