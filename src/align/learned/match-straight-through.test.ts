import { afterAll, describe, expect, it } from "vitest";
import { randomParameters } from "../../../test/architectures/index.ts";
import { lossesHalfWay, permutations, trainedPair } from "../../../test/trained-networks.ts";
import { digitsDataset, takeSamples } from "../../data/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { mlp, type Network, type Parameters } from "../../nets/index.ts";
import { act, discoverSymmetry, identity, randomElement } from "../../symmetry/index.ts";
import { rngKey, tensorBytes } from "../../tensor/index.ts";
import { matchWeights } from "../weights/match-weights.ts";
import { matchStraightThrough, type StraightThroughOptions } from "./match-straight-through.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(8);

const whole = await digitsDataset();
const dataset = { ...whole, train: takeSamples(whole.train, 60) };

async function caseOf(widths: readonly number[], own = key) {
  const network = mlp({ input: dataset.sampleShape, widths, outputs: 10 });
  const [a, b] = await trainedPair(network, dataset, { engine, key: own });
  return { network, group: discoverSymmetry(network), a, b };
}

const halfWay = (network: Network, a: Parameters, others: readonly Parameters[]) =>
  lossesHalfWay(network, [a, others], { dataset, engine });

/** What two ways to compute the same loss differ by. */
const ROUNDING = 1e-12;

const bytesOf = (parameters: Parameters) => Object.values(parameters).map(tensorBytes);

const { network, group, a, b } = await caseOf([6, 5]);

describe("matching with straight-through gradients", () => {
  const matched = (options: Partial<StraightThroughOptions> = {}) =>
    matchStraightThrough(a, b, group, {
      network,
      dataset,
      engine,
      key,
      steps: 40,
      batchSize: 20,
      learningRate: 0.01,
      ...options,
    });

  it("lowers the loss half-way below that of the match by weights, as evaluated", async () => {
    const { learned, parameters, element, starts } = await matched();
    const weights = await matchWeights(a, b, group, { engine, key });
    expect(starts).toEqual(weights.starts);
    const [before, after] = (await halfWay(network, a, [weights.parameters, parameters])) as [number, number];
    expect(learned.before).toBeCloseTo(before, 12);
    expect(learned.after).toBeCloseTo(after, 12);
    expect(learned.after).toBeLessThan(learned.before - 0.01);
    expect(parameters).toEqual(act(group, element, b));
  });

  it("keeps the match by weights where no step finds better", async () => {
    const { element, learned } = await matched({ steps: 1, learningRate: 1e-12 });
    expect(element).toEqual((await matchWeights(a, b, group, { engine, key })).element);
    expect(learned.after).toBe(learned.before);
  });

  it("finds the best of all orders of two small layers, far from which matching by weights ends", async () => {
    const small = await caseOf([3, 3], rngKey(6));
    const still = identity(small.group);
    const all = permutations(3).flatMap((first) =>
      permutations(3).map((second) => {
        const units = [first, second].map((each) => Int32Array.from(each));
        return act(small.group, { ...still, permutations: units }, small.b);
      }),
    );
    const losses = await halfWay(small.network, small.a, all);
    const options = { network: small.network, dataset, engine, key, steps: 30, learningRate: 0.02 };
    const { learned } = await matchStraightThrough(small.a, small.b, small.group, options);
    expect(learned.after).toBeCloseTo(Math.min(...losses), 12);
    expect(losses.filter((loss) => loss < learned.before - ROUNDING).length).toBeGreaterThan(20);
  });

  it.each(["relu", "tanh"] as const)("brings a renumbered %s network back", async (activation) => {
    const own = mlp({ input: dataset.sampleShape, widths: [6, 5], outputs: 10, activation });
    const x = randomParameters(own, key);
    const symmetries = discoverSymmetry(own);
    const y = act(symmetries, randomElement(symmetries, key, { spread: 1 }), x);
    const options = { network: own, dataset, engine, key, steps: 5 };
    const { parameters } = await matchStraightThrough(x, y, symmetries, options);
    expect(bytesOf(parameters)).toEqual(bytesOf(x));
  });

  it("gives the same bytes for the same key, and follows its key", async () => {
    const valuesOf = async (own: typeof key) => {
      const values: number[] = [];
      const match = await matched({ key: own, steps: 8, onProgress: ({ value }) => values.push(value) });
      return { values, bytes: bytesOf(match.parameters) };
    };
    const [first, again, other] = [await valuesOf(key), await valuesOf(key), await valuesOf(rngKey(9))];
    expect(again).toEqual(first);
    expect(other.values).not.toEqual(first.values);
  });

  it("can be stopped", async () => {
    const stop = new AbortController();
    const onProgress = ({ step }: { step: number }) => (step === 3 ? stop.abort(new Error("enough")) : undefined);
    await expect(matched({ signal: stop.signal, onProgress })).rejects.toThrow("enough");
  });

  it.each([
    ["no steps", { steps: 0 }, "steps: expected a whole number of at least 1, got 0"],
    ["half a sample", { batchSize: 1.5 }, "batch size: expected a whole number of at least 1, got 1.5"],
    ["no learning rate", { learningRate: 0 }, "learning rate: expected a positive number, got 0"],
    ["other samples", { network: mlp({ input: [3], widths: [6, 5], outputs: 10 }) }, "mlp: expected samples of 3, got"],
  ])("refuses %s", async (_, options, message) => {
    await expect(matched(options)).rejects.toThrow(message);
  });
});
