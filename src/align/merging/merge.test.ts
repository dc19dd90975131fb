import { afterAll, describe, expect, it } from "vitest";
import { digitsDataset } from "../../data/index.ts";
import { initializeParameters, mlp, type Parameters } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { act, discoverSymmetry, identity, randomElement } from "../../symmetry/index.ts";
import { convert, float16Bits, float16Value, fromNumbers, rngKey, tensorBytes, toNumbers } from "../../tensor/index.ts";
import { evaluate, memberParameters, train } from "../../train/index.ts";
import { average, mergeAligned, taskArithmetic } from "./merge.ts";
import { repair } from "./repair.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

const network = mlp({ input: [1, 8, 8], widths: [24, 24], outputs: 10 });
const group = discoverSymmetry(network);

function bytesOf(parameters: Parameters) {
  return Object.fromEntries(Object.entries(parameters).map(([name, tensor]) => [name, tensorBytes(tensor)]));
}

function one(...values: number[]): Parameters {
  return { w: fromNumbers("float64", values) };
}

describe("the average", () => {
  it("is the weighted mean of every entry, whatever the sum of the weights", () => {
    const models = [one(1, 2), one(3, 4), one(8, 0)];
    expect([...toNumbers(average(models).w as never)]).toEqual([4, 2]);
    expect([...toNumbers(average(models, [2, 1, 1]).w as never)]).toEqual([3.25, 2]);
  });

  it("rounds half precision once, from the mean", () => {
    const [x, y] = [1.0009765625, 1.001953125].map((value) => ({ w: fromNumbers("float16", [value]) }));
    const { w } = average([x as Parameters, y as Parameters], [1, 3]);
    expect(w?.dtype).toBe("float16");
    expect(toNumbers(w as never)[0]).toBe(float16Value(float16Bits((1.0009765625 + 3 * 1.001953125) / 4)));
  });

  it.each([
    [[one(1), one(2)], [1], "weights: expected 2 numbers .*, got 1"],
    [[one(1), one(2)], [0, 0], "weights: expected 2 numbers .*, got 0,0"],
    [[one(1), one(2)], [-1, 2], "weights: expected 2 numbers .*, got -1,2"],
    [[], undefined, "weights: expected 0 numbers"],
    [[one(1), one(1, 2)], undefined, "w: expected float64 .1. as in the first, got float64 .2."],
    [[one(1), { w: convert(fromNumbers("float64", [1]), "float32") }], undefined, "w: .* got float32"],
    [[one(1), {}], undefined, "w: .* got none"],
  ] as const)("refuses what cannot be averaged (%#)", (models, weights, message) => {
    expect(() => average(models, weights)).toThrow(new RegExp(message));
  });
});

describe("task arithmetic", () => {
  it("adds the scaled differences to the base", () => {
    expect([...toNumbers(taskArithmetic(one(1, 2), [one(2, 2), one(1, 5)], 0.5).w as never)]).toEqual([1.5, 3.5]);
    expect(taskArithmetic(one(1, 2), [one(7, 7)], 0)).toEqual(one(1, 2));
  });
});

describe("the aligned average", () => {
  it("of a network and renumbered copies is the network itself", async () => {
    const a = initializeParameters(network, rngKey(3));
    const copies = [1, 2].map((seed) => {
      const drawn = randomElement(group, rngKey(seed), { spread: 1 });
      return act(group, { ...drawn, scales: identity(group).scales }, a);
    });
    const { parameters, parents } = await mergeAligned([a, ...copies], group, { engine, key: rngKey(0) });
    expect(parents.map(bytesOf)).toEqual([a, a, a].map(bytesOf));
    expect(bytesOf(parameters)).toEqual(bytesOf(a));
  });

  it("is better than that of networks as they are numbered, and repaired better still, on average over four pairs", async () => {
    const digits = await digitsDataset();
    const run = train(network, digits, {
      engine,
      keys: [1, 2, 3, 4, 5, 6, 7, 8].map(rngKey),
      optimizer: { kind: "adam", learningRate: 0.003 },
      schedule: { kind: "constant" },
      epochs: 12,
      batchSize: 50,
    });
    let next = await run.next();
    while (!next.done) next = await run.next();
    const trained = memberParameters(network, next.value);
    const stages: Parameters[][] = [[], [], []];
    for (let pair = 0; pair < 8; pair += 2) {
      const models = trained.slice(pair, pair + 2);
      const merge = await mergeAligned(models, group, { engine, key: rngKey(0) });
      const repaired = await repair(network, merge, digits, { engine });
      for (const [i, each] of [average(models), merge.parameters, repaired].entries()) stages[i]?.push(each);
    }
    const evaluations = await evaluate(network, stages.flat(), digits, { engine });
    for (const of of ["loss", "error"] as const) {
      const [unaligned, aligned, repaired] = [0, 4, 8].map((from) =>
        evaluations.slice(from, from + 4).reduce((sum, each) => sum + (each[of] as number) / 4, 0),
      ) as [number, number, number];
      expect(aligned).toBeLessThan(unaligned / 2);
      expect(repaired).toBeLessThan(aligned);
    }
  });
});
