import { afterAll, describe, expect, it } from "vitest";
import type { Dataset } from "../../data/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { input, topologicalOrder } from "../../graph/index.ts";
import {
  initializeParameters,
  lenet,
  mlp,
  type Network,
  resnet20,
  type Parameters as Weights,
} from "../../nets/index.ts";
import { elementCount, fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { average } from "./merge.ts";
import { repair } from "./repair.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(8);

function gaussianData(shape: readonly number[], samples: number): Dataset {
  const inputs = normal(fold(key, "data", ...shape), [samples, ...shape], { dtype: "float64" });
  const split = { inputs, targets: fromNumbers("float64", new Float64Array(samples), [samples, 1]) };
  const normalization = { mean: [0.3], deviation: [1.5] };
  const channels = shape[0] as number;
  const perChannel = {
    mean: Array.from({ length: channels }, () => normalization.mean[0] as number),
    deviation: Array.from({ length: channels }, () => normalization.deviation[0] as number),
  };
  return {
    name: "gaussian",
    task: "regression",
    classes: 0,
    sampleShape: shape,
    normalization: perChannel,
    train: split,
    test: split,
  };
}

interface Statistics {
  readonly mean: number;
  readonly deviation: number;
}

/** Of every unit of every layer that is one of `op` all values, by running everything that the network computes on the way. */
async function activity(
  network: Network,
  parameters: Weights,
  { train: { inputs }, normalization }: Dataset,
  isLayer: (op: string, operands: readonly string[]) => boolean,
): Promise<number[][][]> {
  const x = input("x", "float64", inputs.shape);
  const values = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)]));
  const { output } = network.apply(x, values);
  const layers = topologicalOrder([output]).filter(
    (value) =>
      value !== output &&
      isLayer(
        value.op,
        value.operands.map(({ op }) => op),
      ),
  );
  await using program = await engine.compile(Object.fromEntries(layers.map((value, i) => [`${i}`, value])));
  const [mean, deviation] = [normalization.mean[0] as number, normalization.deviation[0] as number];
  const scaled = fromNumbers(
    "float64",
    toNumbers(inputs).map((each) => (each - mean) / deviation),
    inputs.shape,
  );
  const found = await program.run({ x: scaled, ...parameters });
  return layers.map((_, i) => perUnit(found[`${i}`] as Tensor));
}

function perUnit(tensor: Tensor): number[][] {
  const units = tensor.shape[1] as number;
  const plane = elementCount(tensor.shape.slice(2));
  const columns: number[][] = Array.from({ length: units }, () => []);
  for (const [i, value] of toNumbers(tensor).entries()) columns[Math.floor(i / plane) % units]?.push(value);
  return columns;
}

const meanOf = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

function covariance(x: readonly number[], y: readonly number[]): number {
  const [p, q] = [meanOf(x), meanOf(y)];
  return meanOf(x.map((value, i) => (value - p) * ((y[i] as number) - q)));
}

async function statistics(...given: Parameters<typeof activity>): Promise<Statistics[][]> {
  const layers = await activity(...given);
  return layers.map((units) =>
    units.map((values) => ({ mean: meanOf(values), deviation: Math.sqrt(covariance(values, values)) })),
  );
}

const cases = {
  mlp: { network: mlp({ input: [6], widths: [5, 4], outputs: 1 }), shape: [6] },
  lenet: { network: lenet({ input: [1, 16, 16], outputs: 1 }), shape: [1, 16, 16] },
} as const;

describe.each(Object.entries(cases))("repair of %s", (_, { network, shape }) => {
  it.each([
    ["evenly", undefined, [0.5, 0.5]],
    ["as weighted", [1, 3], [0.25, 0.75]],
  ] as const)("gives every hidden unit the statistics between its parents', %s", async (_name, weights, shares) => {
    const data = gaussianData(shape, 12);
    const parents = [1, 2].map((seed) => initializeParameters(network, rngKey(seed), "float64"));
    const merged = average(parents, weights);
    const repaired = await repair(network, { parameters: merged, parents }, data, { engine, weights, batchSize: 4 });
    const [a, b, before, after] = await Promise.all(
      [...parents, merged, repaired].map((each) => statistics(network, each, data, isLayer)),
    );
    expect(after?.length).toBeGreaterThan(1);
    for (const [layer, units] of (after as Statistics[][]).entries()) {
      for (const [unit, { mean, deviation }] of units.entries()) {
        const [x, y] = [a?.[layer]?.[unit], b?.[layer]?.[unit]] as [Statistics, Statistics];
        expect(mean).toBeCloseTo(shares[0] * x.mean + shares[1] * y.mean, 10);
        const isDead = (before?.[layer]?.[unit]?.deviation ?? 0) < 1e-9;
        expect(deviation).toBeCloseTo(isDead ? 0 : shares[0] * x.deviation + shares[1] * y.deviation, 10);
      }
    }
    const outputLayer = network.parameters.slice(-2).map(({ name }) => name);
    for (const name of outputLayer) expect(repaired[name]).toBe(merged[name]);
  });
});

const isLayer = (op: string, operands: readonly string[]) =>
  op === "Conv" || (op === "Add" && operands.includes("MatMul"));

describe.each(Object.entries(cases))("repair of %s in closed form", (_, { network, shape }) => {
  it("scales each unit by what the parents' correlation takes from the mean of their outputs", async () => {
    const data = gaussianData(shape, 12);
    const [s, t] = [0.25, 0.75];
    const parents = [1, 2].map((seed) => initializeParameters(network, rngKey(seed), "float64"));
    const merged = average(parents, [s, t]);
    const options = { engine, weights: [s, t], batchSize: 4, form: "closed" } as const;
    const repaired = await repair(network, { parameters: merged, parents }, data, options);
    const [a, b] = await Promise.all(parents.map((each) => activity(network, each, data, isLayer)));
    const names = network.parameters.map(({ name }) => name).filter((name) => name.endsWith("weight"));
    for (const [layer, units] of (a as number[][][]).entries()) {
      const name = names[layer] as string;
      const [old, after] = [merged[name], repaired[name]].map((each) => toNumbers(each as Tensor));
      const length = (old as Float64Array).length / units.length;
      for (const [unit, x] of units.entries()) {
        const y = b?.[layer]?.[unit] as number[];
        const [v, w, c] = [covariance(x, x), covariance(y, y), covariance(x, y)];
        const left = Math.sqrt(s * s * v + t * t * w + 2 * s * t * c);
        const factor = left < 1e-9 ? 1 : (s * Math.sqrt(v) + t * Math.sqrt(w)) / left;
        expect(after?.[unit * length]).toBeCloseTo(factor * (old?.[unit * length] as number), 10);
      }
    }
  });

  it("agrees with the forward form on the first layer, whose inputs are the same", async () => {
    const data = gaussianData(shape, 12);
    const parents = [1, 2].map((seed) => initializeParameters(network, rngKey(seed), "float64"));
    const merge = { parameters: average(parents), parents };
    const [closed, forward] = await Promise.all(
      (["closed", "forward"] as const).map((form) => repair(network, merge, data, { engine, form })),
    );
    for (const { name } of network.parameters.slice(0, 2)) {
      const [x, y] = [closed?.[name], forward?.[name]].map((each) => toNumbers(each as Tensor));
      for (const [i, value] of (x as Float64Array).entries()) expect(value).toBeCloseTo(y?.[i] as number, 11);
    }
    const second = network.parameters[2]?.name as string;
    expect(closed?.[second]).not.toEqual(forward?.[second]);
  });
});

describe("variance collapse", () => {
  it("leaves 0.70 of the variance of two units whose correlation is 0.4, and all of it after repair", async () => {
    const r = 0.4;
    const pairs = 4;
    const network = mlp({ input: [2 * pairs], widths: [pairs], outputs: 1 });
    const rows = (x: number, y: number) =>
      Array.from({ length: pairs }, (_, unit) =>
        Array.from({ length: 2 * pairs }, (_, i) => (i === 2 * unit ? x : i === 2 * unit + 1 ? y : 0)),
      ).flat();
    const start = initializeParameters(network, rngKey(0), "float64");
    const parents = [rows(1, 0), rows(r, Math.sqrt(1 - r * r))].map((weight) => ({
      ...start,
      "layers.0.weight": fromNumbers("float64", weight, [pairs, 2 * pairs]),
    }));
    const data = gaussianData([2 * pairs], 20_000);
    const merged = average(parents);
    const repaired = await repair(network, { parameters: merged, parents }, data, { engine });
    const found = await Promise.all(
      [...parents, merged, repaired].map(async (each) => (await statistics(network, each, data, isLayer))[0]),
    );
    const [a, b, collapsed, whole] = found as [Statistics[], Statistics[], Statistics[], Statistics[]];
    for (let unit = 0; unit < pairs; unit++) {
      const goal = ((a[unit]?.deviation ?? 0) + (b[unit]?.deviation ?? 0)) / 2;
      // Four standard errors of a variance over 20,000 samples, 4 sqrt(2 / 20000).
      expect(Math.abs(((collapsed[unit]?.deviation ?? 0) / goal) ** 2 - 0.7)).toBeLessThan(0.04);
      expect(((whole[unit]?.deviation ?? 0) / goal) ** 2).toBeCloseTo(1, 10);
    }
  });
});

describe("repair", () => {
  it("leaves units that are constant as they are", async () => {
    const network = mlp({ input: [2], widths: [2], outputs: 1 });
    const start = initializeParameters(network, rngKey(0), "float64");
    const parents = [1, 3].map((bias, i) => ({
      ...start,
      "layers.0.weight": fromNumbers("float64", [2 * i - 1, 0, 0, 1], [2, 2]),
      "layers.0.bias": fromNumbers("float64", [bias, 0]),
    }));
    const merged = average(parents);
    const repaired = await repair(network, { parameters: merged, parents }, gaussianData([2], 10), { engine });
    const [weights, biases] = ["weight", "bias"].map((name) => toNumbers(repaired[`layers.0.${name}`] as Tensor));
    expect([...(weights as Float64Array).slice(0, 2), biases?.[0]]).toEqual([0, 0, expect.closeTo(2, 12)]);
  });

  it.each([0, 2.5, Number.NaN])("refuses batches of %d", async (batchSize) => {
    const { network, shape } = cases.mlp;
    const a = initializeParameters(network, rngKey(0), "float64");
    const work = repair(network, { parameters: a, parents: [a] }, gaussianData(shape, 8), { engine, batchSize });
    await expect(work).rejects.toThrow(`repair: expected a batch size of at least 1, got ${batchSize}`);
  });

  it.each([
    ["running statistics", resnet20({ input: [1, 8, 8], outputs: 1 }), [1, 8, 8]],
    ["no biases", mlp({ input: [2], widths: [2], outputs: 1, bias: false }), [2]],
    ["no hidden units", mlp({ input: [2], widths: [], outputs: 1 }), [2]],
  ] as const)("refuses networks with %s", async (_, network, shape) => {
    const a = initializeParameters(network, rngKey(0), "float64");
    const work = repair(network, { parameters: a, parents: [a, a] }, gaussianData(shape, 8), { engine });
    await expect(work).rejects.toThrow(/expected hidden units with a bias and no running statistics; estimate/);
  });
});
