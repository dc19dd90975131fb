import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { type Dataset, teacherStudent, toyTeacher } from "../../data/index.ts";
import { initializeParameters, type Model, mlp, resnet18 } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import {
  type Curvature,
  curvatureOf,
  heldPairChart,
  heldPairCoordinates,
  inChart,
  minimize,
} from "../../train/index.ts";
import { hiddenLayer, plateauWalk } from "../expansion/index.ts";
import { branchAt, heldAt } from "./branch.ts";
import {
  type ComputedPoint,
  type PermutationPath,
  type PermutationPathOptions,
  permutationPath,
  permutationPaths,
  withUnitsExchanged,
} from "./index.ts";
import { apart, freeGradientNorm, unitPair } from "./unit-pair.ts";

const fixture = JSON.parse(readFileSync(new URL("../../../test/fixtures/toy-teacher.json", import.meta.url), "utf8"));
const engine = await nativeEngine({ threads: 1 });
const dataset = teacherStudent();
afterAll(() => engine[Symbol.asyncDispose]());

const toy: Model = {
  network: mlp({ input: [2], widths: [4], outputs: 1, activation: "sigmoid", bias: false }),
  parameters: {
    "layers.0.weight": fromNumbers("float64", toyTeacher.incoming.flat(), [4, 2]),
    "layers.1.weight": fromNumbers("float64", toyTeacher.outgoing, [1, 4]),
  },
};

const samples = 60;

/** Perceptrons with biases that learn from random ones of one hidden layer of 6 units. */
function teachersTask(widths: readonly number[], outputs: number): { readonly model: Model; readonly data: Dataset } {
  const network = mlp({ input: [2], widths, outputs, activation: "tanh" });
  const draw = (seed: number, rows: number, columns: number) =>
    normal(rngKey(seed), [rows, columns], { dtype: "float64" }).data;
  const [x, w, a] = [draw(1, samples, 2), draw(2, 6, 3), draw(3, 6, outputs)];
  const unit = (n: number, k: number) =>
    Math.tanh(
      [x[2 * n], x[2 * n + 1], 1].reduce<number>((sum, v, c) => sum + (v as number) * (w[3 * k + c] as number), 0),
    );
  const targets = Array.from({ length: samples * outputs }, (_, place) => {
    const [n, m] = [Math.floor(place / outputs), place % outputs];
    return [0, 1, 2, 3, 4, 5].reduce((sum, k) => sum + (a[k * outputs + m] as number) * unit(n, k), 0);
  });
  const split = {
    inputs: fromNumbers("float64", [...x], [samples, 2]),
    targets: fromNumbers("float64", targets, [samples, outputs]),
  };
  const normalization = { mean: [0, 0], deviation: [1, 1] };
  const data: Dataset = {
    name: "random",
    task: "regression",
    classes: 0,
    sampleShape: [2],
    normalization,
    train: split,
    test: split,
  };
  return { model: { network, parameters: initializeParameters(network, rngKey(3), "float64") }, data };
}

interface Walked {
  readonly computed: readonly ComputedPoint[];
  readonly path: PermutationPath;
}

async function walk(
  options: Omit<PermutationPathOptions, "engine" | "layer"> & { readonly layer?: number },
  { model, data }: { readonly model: Model; readonly data: Dataset } = { model: toy, data: dataset },
): Promise<Walked> {
  const computed: ComputedPoint[] = [];
  const steps = permutationPath(model, data, { layer: 0, engine, ...options });
  for (;;) {
    const next = await steps.next();
    if (next.done) return { computed, path: next.value };
    computed.push(next.value);
  }
}

/** Incoming and outgoing weights of each unit of the toy. */
function unitsOf(parameters: Model["parameters"]): (readonly [number, number, number])[] {
  const [w, a] = ["layers.0.weight", "layers.1.weight"].map((name) => toNumbers(parameters[name] as Tensor));
  return Array.from(
    { length: 4 },
    (_, k) => [w?.[2 * k], w?.[2 * k + 1], a?.[k]] as unknown as [number, number, number],
  );
}

/** Where ten or so steps of the first pair end. */
const firstPairLoss = 1.0973406702e-2;

/** The fixture gives ten digits. */
const relative = 1e-9;

describe("the six pairs of the toy's teacher", () => {
  const pairs = [
    { units: [0, 1], distance: 1.1 },
    { units: [0, 2], distance: 1.3601 },
    { units: [0, 3], distance: 1.2083 },
    { units: [1, 2], distance: 1.1402 },
    { units: [1, 3], distance: 1.253 },
    { units: [2, 3], distance: 0.3 },
  ] as const;

  it.each([
    ...pairs.map((pair) => ({ ...pair, method: "greedy", steps: 10 }) as const),
    ...[pairs[3], pairs[5]].map((pair) => ({ ...pair, method: "strict", steps: 20 }) as const),
  ])(
    "$units reach the published permutation point by the $method method",
    async ({ units, distance, method, steps }) => {
      const { path, computed } = await walk({ units, method, steps });
      expect(path.initialDistance).toBeCloseTo(distance, 4);
      expect(path).toMatchObject({ converged: true, tolerance: 1e-10, layer: "layers.0" });
      const expected = units[1] === 1 ? firstPairLoss : fixture.width3.loss;
      expect(Math.abs(path.permutationPoint.loss / expected - 1)).toBeLessThan(relative);
      expect(path.permutationPoint.gradientNorm).toBeLessThan(1e-14);
      expect(path.permutationPoint.index?.negative).toBe(units[0] === 2 ? 2 : 1);
      expect(path.permutationPoint.index?.zero).toBe(units[1] === 1 ? 2 : 1);
      expect(path.exchange.deviation).toBeLessThan(1e-15);
      expect(Math.abs(path.barrier / expected - 1)).toBeLessThan(relative);
      expect(path.sinksBy).toBeLessThan(1e-30);
      const mirror = path.points.toReversed().map((point) => ({ ...point, t: 1 - point.t }));
      for (const [i, point] of path.points.entries()) {
        expect(point.t).toBeCloseTo(mirror[i]?.t as number, 12);
        expect(point.t).toBeGreaterThan(path.points[i - 1]?.t ?? -1);
        expect(point.loss).toBe(mirror[i]?.loss);
        expect(point.distance).toBeCloseTo(path.initialDistance * Math.abs(1 - 2 * point.t), 12);
      }
      expect(path.points.slice(0, computed.length)).toEqual(computed.map(({ parameters: _, ...point }) => point));
    },
  );

  it("lead the first pair lower by finer steps, not on one branch either", async () => {
    const { path } = await walk({ units: [0, 1], method: "greedy", steps: 50 });
    expect(path.permutationPoint.loss).toBeCloseTo(7.39922843e-5, 12);
    expect(path.permutationPoint.index).toMatchObject({ negative: 1, zero: 1 });
    const strict = (await walk({ units: [0, 1], method: "strict", steps: 25 })).path;
    expect(strict.converged).toBe(true);
    expect(strict.branchChanges.some(({ kind }) => kind === "fold")).toBe(true);
  });

  it("meet at the best critical point of width 3", async () => {
    const { path } = await walk({ units: [2, 3], method: "strict", steps: 10 });
    const units = unitsOf(path.permutationPoint.parameters);
    expect(units[2]).toEqual(units[3]);
    for (const [k, [x, y]] of fixture.width3.w.entries()) {
      expect(units[k]?.[0]).toBeCloseTo(x, 8);
      expect(units[k]?.[1]).toBeCloseTo(y, 8);
      expect((units[k]?.[2] as number) * (k === 2 ? 2 : 1)).toBeCloseTo(fixture.width3.a[k], 8);
    }
  });

  it("come close to it by training", async () => {
    const optimizer = { kind: "adam", learningRate: 1e-2 } as const;
    const training = { steps: 2, epochs: 800, dtype: "float64", optimizer } as const;
    const { path } = await walk({ units: [2, 3], method: "first-order", ...training });
    expect(path).toMatchObject({ converged: true, tolerance: 1e-3 });
    expect(Math.abs(path.permutationPoint.loss / fixture.width3.loss - 1)).toBeLessThan(1e-3);
    const units = unitsOf(path.permutationPoint.parameters);
    expect(units[2]).toEqual(units[3]);
    expect(units[2]?.[1]).toBeCloseTo(fixture.width3.w[2][1], 4);
  });

  it("come in one call", async () => {
    const found = [];
    for await (const { total, ...path } of permutationPaths(toy, dataset, {
      layer: 0,
      engine,
      method: "greedy",
      steps: 5,
    }))
      found.push({ total, units: path.units, isFound: !("reason" in path) });
    expect(found).toEqual(pairs.map(({ units }) => ({ total: 6, units, isFound: true })));
  });
});

describe("a permutation path", () => {
  it("passes the folds of its branch where greedy steps jump", async () => {
    const [strict, greedy] = await Promise.all(
      (["strict", "greedy"] as const).map((method) => walk({ units: [0, 3], method, steps: 50 })),
    );
    const folds = strict?.path.branchChanges ?? [];
    const jumps = greedy?.path.branchChanges ?? [];
    expect(folds.map(({ kind }) => kind)).toEqual(["fold", "fold"]);
    expect(jumps.map(({ kind }) => kind)).toEqual(["jump", "jump"]);
    const step = (strict?.path.initialDistance as number) / 50;
    for (const [i, { distance, size, lossChange }] of folds.entries()) {
      expect(Math.abs(distance - (jumps[i]?.distance as number))).toBeLessThan(step);
      expect(size).toBeGreaterThan(0.1);
      expect(lossChange).toBeLessThan(0);
    }
    expect((await walk({ units: [2, 3], method: "strict" })).path.branchChanges).toEqual([]);
  });

  it("has the same loss at its mirror image, and holds its distance", async () => {
    await using curvature = await curvatureOf(toy.network, dataset, { engine });
    const pair = unitPair(hiddenLayer(toy.network, 0), curvature.layout, [1, 2]);
    const { computed } = await walk({ units: [1, 2], method: "greedy", steps: 8 });
    for (const { parameters, loss, distance } of computed) {
      const exchanged = withUnitsExchanged({ ...toy, parameters }, { layer: 0, units: [1, 2] });
      const [here, there] = [parameters, exchanged].map(curvature.flatten) as [Float64Array, Float64Array];
      expect(Math.hypot(...apart(pair, here))).toBeCloseTo(distance, 12);
      expect([...apart(pair, there)]).toEqual([...apart(pair, here)].map((x) => 0 - x));
      const slopes = await curvature.slopes([here, there]);
      for (const slope of slopes) expect(Math.abs(slope.loss - loss)).toBeLessThan(1e-17);
    }
  });

  it("measures the gradient that is free at a held distance", async () => {
    await using curvature = await curvatureOf(toy.network, dataset, { engine });
    const pair = unitPair(hiddenLayer(toy.network, 0), curvature.layout, [0, 3]);
    const x = normal(rngKey(4), [curvature.size], { dtype: "float64" }).data;
    const difference = apart(pair, x);
    const distance = Math.hypot(...difference);
    const held = heldAt(
      pair,
      distance,
      difference.map((value) => value / distance),
    );
    const [whole] = await curvature.slopes([x]);
    const [free] = await inChart(curvature, heldPairChart([held])).slopes([heldPairCoordinates(held, x)]);
    const expected = Math.hypot(...(free?.gradient ?? []));
    expect(freeGradientNorm(pair, whole?.gradient as Float64Array, held)).toBeCloseTo(expected, 12);
    expect(Math.abs(expected - Math.hypot(...(whole?.gradient ?? [])))).toBeGreaterThan(1e-3);
  });

  it("has the tangent that minima a little nearer and further show", async () => {
    await using curvature = await curvatureOf(toy.network, dataset, { engine });
    const pair = unitPair(hiddenLayer(toy.network, 0), curvature.layout, [0, 3]);
    const there = await branchAt(curvature, pair, curvature.flatten(toy.parameters));
    const atDistance = async (distance: number) => {
      const chart = heldPairChart([heldAt(pair, distance, there.held.direction)]);
      const [found] = await minimize(inChart(curvature, chart), [there.y]);
      expect(found?.stopped).toBe("converged");
      return chart.toPoint(found?.point as Float64Array, 0);
    };
    const middle = await branchAt(curvature, pair, await atDistance(there.distance * 0.9));
    const h = 1e-4;
    const [after, before] = await Promise.all([h, -h].map((step) => atDistance(middle.distance + step)));
    const largest = Math.max(...middle.velocity.map(Math.abs));
    for (const [k, velocity] of middle.velocity.entries()) {
      const difference = ((after?.[k] as number) - (before?.[k] as number)) / (2 * h);
      expect(Math.abs(velocity - difference)).toBeLessThan(1e-4 * largest);
    }
  });

  it("leads to a point from which all numberings are reached at constant loss", async () => {
    const { path } = await walk({ units: [0, 2], method: "greedy", steps: 10 });
    await using curvature = await curvatureOf(toy.network, dataset, { engine });
    const { corners, segments } = plateauWalk(
      { ...toy, parameters: path.permutationPoint.parameters },
      { layer: 0, units: [0, 2], to: "all" },
    );
    expect(segments).toHaveLength(73);
    const points = corners.map(curvature.flatten);
    const middles = points.slice(1).map((end, k) => end.map((x, c) => (x + (points[k]?.[c] as number)) / 2));
    const slopes = await curvature.slopes([...points, ...middles]);
    for (const { loss } of slopes) expect(Math.abs(loss - path.permutationPoint.loss)).toBeLessThan(1e-15);
  });

  it("has as many zero eigenvalues as outputs exceed the rank of C", async () => {
    const { path } = await walk({ units: [0, 1], method: "greedy" }, teachersTask([2], 6));
    // C has a column for each weight of a unit and its bias: 6 - 3 zero eigenvalues, and 3 negative ones at least.
    expect(path.permutationPoint.index?.zero).toBe(3);
    expect(path.permutationPoint.index?.negative).toBeGreaterThanOrEqual(3);
    expect(path.permutationPoint.gradientNorm).toBeLessThan(1e-10);
  });

  it("shows its spectrum at held distance on request", async () => {
    const { path } = await walk({ units: [2, 3], method: "greedy", steps: 4, spectrum: true });
    expect(path.points.map(({ eigenvalues }) => eigenvalues?.length)).toEqual([11, 11, 11, 11, 12, 11, 11, 11, 11]);
    for (const { eigenvalues, distance } of path.points) expect((eigenvalues?.[0] as number) > 0).toBe(distance > 0);
  });
});

describe("training at held distances", () => {
  it("keeps them in several layers, and says what gradient it reached", async () => {
    const { model, data } = teachersTask([3, 4], 2);
    const options = { method: "first-order", steps: 4, epochs: 3, batchSize: 8 } as const;
    const { path, computed } = await walk({ ...options, layer: 1, units: [1, 3] }, { model, data });
    await using curvature: Curvature = await curvatureOf(model.network, data, { engine });
    const pair = unitPair(hiddenLayer(model.network, 1), curvature.layout, [1, 3]);
    expect(computed.map(({ distance }) => distance / path.initialDistance)).toEqual([1, 0.75, 0.5, 0.25, 0]);
    for (const { parameters, distance, loss } of computed) {
      const point = curvature.flatten(parameters);
      expect(Math.hypot(...apart(pair, point))).toBeCloseTo(distance, 12);
      expect((await curvature.slopes([point]))[0]?.loss).toBeCloseTo(loss, 14);
    }
    expect(path).toMatchObject({ converged: false, branchChanges: [] });
    expect(path.gradientNorm).toBeGreaterThan(path.tolerance);
    expect(path.exchange.deviation).toBeLessThan(1e-15);
  });

  it("is the same for the same key", async () => {
    const options = { units: [0, 1], method: "first-order", steps: 3, epochs: 2, batchSize: 100 } as const;
    const [a, b, c] = await Promise.all([5, 5, 6].map((seed) => walk({ ...options, key: rngKey(seed) })));
    expect(a?.path.points).toEqual(b?.path.points);
    expect(a?.path.points).not.toEqual(c?.path.points);
  });
});

describe("wrong input", () => {
  const relu = mlp({ input: [2], widths: [4], outputs: 1, activation: "relu" });
  const sign = mlp({ input: [2], widths: [4], outputs: 1, activation: "sign" });
  const wide = mlp({ input: [2], widths: [400], outputs: 1, activation: "tanh" });
  const residual = resnet18({ input: [3, 16, 16], width: 2, outputs: 3 });
  const of = (network: Model["network"]) => ({
    network,
    parameters: initializeParameters(network, rngKey(1), "float64"),
  });
  const twins = {
    ...toy,
    parameters: { ...toy.parameters, "layers.0.weight": fromNumbers("float64", [1, 2, 1, 2, 3, 4, 5, 6], [4, 2]) },
  };
  const lost = {
    ...toy,
    parameters: { ...toy.parameters, "layers.1.weight": fromNumbers("float64", [1, Number.NaN, 1, 1], [1, 4]) },
  };
  it.each([
    [lost, {}, "expected a gradient of at most 1e-10, reached NaN at loss NaN; take weights and data without overflow"],
    [lost, { method: "first-order" }, "expected a finite loss, got NaN"],
    [toy, { units: [0, 4] }, "expected two units from 0 to 3, got 0 and 4"],
    [toy, { units: [2, 2] }, "expected two different units, got 2 twice"],
    [toy, { layer: 7 }, "expected one of 0 (layers.0)"],
    [of(mlp({ input: [2], widths: [1], outputs: 1, activation: "tanh" })), {}, "expected at least two units, got one"],
    [toy, { tolerance: 1e-300 }, "expected a gradient of at most 1e-300, reached"],
    [of(relu), {}, "expected a network with second derivatives, got one with Relu; use the first-order method"],
    [of(sign), { method: "first-order" }, "expected a network that can be differentiated"],
    [of(wide), {}, "expected at most 1000 parameters, got 1601; use the first-order method"],
    [of(residual), {}, "expected units of one layer, got a residual stream"],
    [of(residual), { layer: 1 }, "expected a network whose weights are all trained, got bn1.running_mean"],
    [twins, { method: "first-order" }, "expected units with different incoming weights, got equal ones"],
  ] as const)("%#: %o", async (model, options, message) => {
    await expect(
      walk({ units: [0, 1], ...options } as PermutationPathOptions & { layer?: number }, { model, data: dataset }),
    ).rejects.toThrow(message);
  });
});
