import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { noisyTeacher } from "../../../test/critical/noisy-teacher.ts";
import { criticalCount } from "../../counting/index.ts";
import { type Dataset, teacherStudent } from "../../data/index.ts";
import { initializeParameters, type Model, mlp, type Parameters } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { convert, fromNumbers, rngKey, type Tensor } from "../../tensor/index.ts";
import {
  curvatureOf,
  indexOf,
  type LocalCurvature,
  minimize,
  polish,
  symmetricEigenvalues,
} from "../../train/index.ts";
import { expand, type HiddenLayer, hiddenLayer, rolesOf } from "../expansion/index.ts";
import { type DuplicationForm, duplicationForms } from "./duplication.ts";
import { classifyReplicas, type Replica, replicaStudy, replicate, type Shares, sharesOfAll } from "./replicas.ts";
import { outgoingVectors } from "./unit-vectors.ts";

const fixture = JSON.parse(readFileSync(new URL("../../../test/fixtures/toy-teacher.json", import.meta.url), "utf8"));
const engine = await nativeEngine({ threads: 1 });
const toy = teacherStudent();
afterAll(() => engine[Symbol.asyncDispose]());

/** Results of polished points: the last digits of sums over 1681 samples. */
const rounding = 1e-14;

async function toyPoint(incoming: readonly (readonly number[])[], outgoing: readonly number[]): Promise<Model> {
  const network = mlp({ input: [2], widths: [outgoing.length], outputs: 1, activation: "sigmoid", bias: false });
  await using curvature = await curvatureOf(network, toy, { engine });
  const [found] = await polish(curvature, [Float64Array.from([...incoming.flat(), ...outgoing])]);
  return { network, parameters: curvature.unflatten(found?.point as Float64Array) };
}

const width1 = await toyPoint([fixture.width1.w], [fixture.width1.a]);
const width3 = await toyPoint(fixture.width3.w, fixture.width3.a);

async function trained(
  { model, dataset }: { readonly model: Model; readonly dataset: Dataset },
  level = 0,
): Promise<Model> {
  await using curvature = await curvatureOf(model.network, dataset, { engine });
  const [found] = await minimize(curvature, [curvature.flatten(model.parameters)]);
  expect(found).toMatchObject({ stopped: "converged", index: { negative: 0, zero: level } });
  return { network: model.network, parameters: curvature.unflatten(found?.point as Float64Array) };
}

function study(model: Model, dataset: Dataset, replicas: Iterable<Shares>, layer = 0) {
  return replicaStudy(model, dataset, { layer, engine, replicas });
}

function expectAgreement({ gradientNorm, predicted, index, agrees }: Replica): void {
  expect(gradientNorm).toBeLessThan(rounding);
  expect(index).toMatchObject(predicted);
  expect(agrees).toBe(true);
}

describe("replicas of the best student of width 1", () => {
  it("have the published eigenvalues at even shares", async () => {
    const { core, replicas } = await study(width1, toy, [[[0.5, 0.5]]]);
    expect(core.loss).toBeCloseTo(fixture.width1.loss, 15);
    const [doubled] = replicas as readonly [Replica];
    for (const [i, value] of fixture.width1.replicatedHalf.entries())
      expect(doubled.eigenvalues[i]).toBeCloseTo(value, 9);
    expect(doubled).toMatchObject({ kind: "saddle", index: { negative: 1, zero: 1, positive: 4 } });
    expectAgreement(doubled);
  });

  it("have the inputs more zero eigenvalues where a copy is silent", async () => {
    const { replicas } = await study(width1, toy, [[[0, 1]], [[0.4, 0, 0.6]]]);
    for (const replica of replicas) expectAgreement(replica);
    expect(replicas.map(({ index, kind }) => [index.negative, index.zero, kind])).toEqual([
      [0, 3, "degenerate"],
      [1, 4, "saddle"],
    ]);
  });
});

describe("replicas of weights in float32", () => {
  it("are no less critical than these, whatever the shares", async () => {
    const parameters = Object.fromEntries(
      Object.entries(width1.parameters).map(([name, value]) => [name, convert(value, "float32")]),
    );
    const model = { network: width1.network, parameters };
    const replicas: Shares[] = [[[0.3, 0.7]], [[0.123, 0.456, 0.421]]];
    const done: number[] = [];
    const options = { layer: 0, engine, gradientTolerance: 1e-6, replicas, onProgress: (n: number) => done.push(n) };
    const { core, replicas: found } = await replicaStudy(model, toy, options);
    expect(done).toEqual([1, 2]);
    expect(core.gradientNorm).toBeGreaterThan(1e-9);
    // The gradient in the incoming weights of a copy is its share, that in its outgoing weight the whole.
    for (const { gradientNorm } of found) expect(gradientNorm).toBeLessThan(2 * core.gradientNorm);
    for (const { loss } of found) expect(Math.abs(loss - core.loss)).toBeLessThan(1e-16);
  });
});

describe("replicas of the best student of width 3", () => {
  it("are saddles for a B of two signs, and minima outside 0 to 1 for a negative B", async () => {
    const shares = [-0.5, -0.1, 0.5, 1.1, 1.5];
    const first = shares.map((g): Shares => [[g, 1 - g], [1], [1]]);
    const third = shares.map((g): Shares => [[1], [1], [g, 1 - g]]);
    const { units, replicas } = await study(width3, toy, [...first, ...third]);
    expect(units.map(({ minima }) => minima)).toEqual(["nowhere", "nowhere", "outside"]);
    for (const replica of replicas) expectAgreement(replica);
    const { lowest, negative, zero } = fixture.width3.duplicateNeuron1Half;
    expect(replicas[2]?.eigenvalues[0]).toBeCloseTo(lowest, 7);
    expect(replicas[2]?.index).toMatchObject({ negative, zero });
    const kinds = replicas.map(({ kind }) => kind);
    expect(kinds).toEqual([...Array(5).fill("saddle"), "minimum", "minimum", "saddle", "minimum", "minimum"]);
  });

  it("stand for all G(3, 6) subspaces, mostly saddles, and have the predicted index at any shares", async () => {
    const all = [...sharesOfAll([3, 6], { splits: 3, key: rngKey(1) })];
    expect(all).toHaveLength(10 * 3);
    for (const groups of all) for (const group of groups) expect(group.reduce((sum, x) => sum + x)).toBeCloseTo(1, 12);
    const { replicas } = await study(width3, toy, all);
    for (const replica of replicas) expectAgreement(replica);
    const { subspaces, fractions, agreeing } = classifyReplicas(replicas);
    expect(subspaces).toBe(criticalCount(3, 6));
    expect(agreeing).toBe(30);
    const minima = replicas.filter(({ index }) => index.negative === 0);
    expect(minima.length).toBeGreaterThan(0);
    // A composition with four copies of one unit has 6!/4! numberings, one of 3, 2 and 1 has 6!/(3! 2!), and so on.
    const weight = (replica: Replica) =>
      replica.composition.copies.reduce((rest, k) => rest / [1, 1, 2, 6, 24][k]!, 720);
    const total = replicas.reduce((sum, replica) => sum + weight(replica), 0);
    expect(fractions.minimum).toBeCloseTo(minima.reduce((sum, replica) => sum + weight(replica), 0) / total, 12);
    expect(fractions.saddle + fractions.minimum + fractions.degenerate).toBeCloseTo(1, 12);
    expect(fractions.saddle).toBeGreaterThan(0.9);
  });
});

describe("replicas of networks with several outputs", () => {
  it.each([
    [1, 1],
    [2, 1],
    [3, 1],
    [4, 1],
    [6, 3],
  ])("of %i outputs have %i zero eigenvalues and rank C negative ones at least", async (outputs, zero) => {
    const problem = noisyTeacher({ widths: [2], outputs }, 3);
    const { units, replicas } = await study(await trained(problem), problem.dataset, [
      [[0.5, 0.5], [1]],
      [[1], [-0.3, 1.3]],
    ]);
    for (const [i, replica] of replicas.entries()) {
      expectAgreement(replica);
      expect(replica.index.zero).toBe(zero);
      expect(units[i]?.rank).toBe(outputs - zero);
      expect(replica.index.negative).toBeGreaterThanOrEqual(outputs - zero);
      if (outputs > 1) expect([replica.kind, units[i]?.minima]).toEqual(["saddle", "nowhere"]);
    }
  });

  it.each([
    [
      { widths: [3, 2], outputs: 2 },
      { seed: 6, level: 0 },
    ],
    [
      { widths: [2, 2], outputs: 3 },
      { seed: 8, level: 0 },
    ],
    // The same number may be added to all logits, in each of the two weights and in the bias.
    [
      { widths: [2], outputs: 3, task: "classification" as const, samples: 200 },
      { seed: 6, level: 3 },
    ],
  ])("and layers have the predicted index: %o", async (given, { seed, level }) => {
    const problem = noisyTeacher(given, seed);
    const model = await trained(problem, level);
    for (const [layer, width] of given.widths.entries()) {
      const shares = sharesOfAll([width, width + 1], { splits: 2, key: rngKey(1) });
      const { replicas } = await study(model, problem.dataset, shares, layer);
      expect(replicas).toHaveLength(2 * width);
      for (const replica of replicas) {
        expect(replica.index).toMatchObject(replica.predicted);
        expect(replica.gradientNorm).toBeLessThan(1e-12);
      }
    }
  });

  it("are no critical points where the shares differ between outputs, by as much as C says", async () => {
    const problem = noisyTeacher({ widths: [2], outputs: 3 }, 3);
    const model = await trained(problem);
    const layer = hiddenLayer(model.network, 0);
    const [form] = (await duplicationForms(model, problem.dataset, { layer, engine })) as readonly [DuplicationForm];
    const roles = rolesOf({ copies: [2, 1], zeroGroups: [] });
    const wide = expand(model, [{ layer: 0, roles, split: "random" }], { key: rngKey(2) });
    await using curvature = await curvatureOf(wide.network, problem.dataset, { engine });
    const [slope] = await curvature.slopes([curvature.flatten(wide.parameters)]);
    const gradient = curvature.unflatten(slope?.gradient as Float64Array);
    const outgoing = outgoingVectors(hiddenLayer(wide.network, 0), wide.parameters);
    for (const copy of [0, 1]) {
      const expected = [0, 1, 2].map((k) =>
        [0, 1, 2].reduce((sum, m) => sum + (outgoing[copy]?.[m] as number) * (form.c[m * 3 + k] as number), 0),
      );
      const got = [...rowOf(gradient, "layers.0.weight", copy, 2), ...rowOf(gradient, "layers.0.bias", copy, 1)];
      expect(Math.hypot(...got)).toBeGreaterThan(1e-4);
      for (const [k, x] of expected.entries()) expect(got[k]).toBeCloseTo(x, 13);
    }
  });
});

function rowOf(parameters: Parameters, name: string, row: number, width: number): number[] {
  const { data } = parameters[name] as Tensor<"float64">;
  return Array.from(data.slice(row * width, (row + 1) * width));
}

describe("what is added to a network", () => {
  async function withSilentUnit(
    model: Model,
  ): Promise<{ readonly gradient: Float64Array; readonly eigenvalues: Float64Array }> {
    const size = hiddenLayer(model.network, 0).size;
    const roles = Array.from({ length: size + 1 }, (_, unit) => unit);
    const expansion = { layer: 0, roles, zeroIncoming: [fixture.zeroType.w] };
    const wide = expand(model, [expansion], { key: rngKey(0) });
    await using curvature = await curvatureOf(wide.network, toy, { engine });
    const [at] = (await curvature.curvatures([curvature.flatten(wide.parameters)])) as readonly [LocalCurvature];
    return { gradient: at.gradient, eigenvalues: symmetricEigenvalues(at.hessian, curvature.size) };
  }

  it("at zero loss has zero eigenvalues as a copy has weights, and as a silent unit has incoming ones", async () => {
    const teacher = await toyPoint(fixture.teacher.w, fixture.teacher.a);
    const { units, replicas } = await study(teacher, toy, [[[0.3, 0.7], [1], [1], [1]]]);
    expect(units.map(({ minima }) => minima)).toEqual(["open", "open", "open", "open"]);
    expectAgreement(replicas[0] as Replica);
    expect(replicas[0]).toMatchObject({ kind: "degenerate", index: { negative: 0, zero: 3, positive: 12 } });
    expect(replicas[0]?.eigenvalues.at(-1)).toBeCloseTo(fixture.duplicate.largest, 11);
    const { gradient, eigenvalues } = await withSilentUnit(teacher);
    expect(Math.hypot(...gradient)).toBeLessThan(rounding);
    expect(indexOf(eigenvalues)).toMatchObject({ negative: 0, zero: fixture.zeroType.zeroEigenvalues });
    expect(eigenvalues.at(-1)).toBeCloseTo(fixture.zeroType.largest, 11);
  });

  it("at another loss is critical for a copy only", async () => {
    const { gradient } = await withSilentUnit(width3);
    expect(Math.hypot(...gradient)).toBeGreaterThan(1e-5);
  });
});

describe("wrong input", () => {
  it("is told by how much a point is not critical", async () => {
    const network = width1.network;
    const parameters = initializeParameters(network, rngKey(1), "float64");
    await expect(study({ network, parameters }, toy, [])).rejects.toThrow(
      /^mlp: expected a critical point with a gradient of at most 1e-10, got one of \d\.\d+e[+-]\d+; polish or minimize/,
    );
  });

  it("is told that weights are no numbers", async () => {
    const parameters = { ...width1.parameters, "layers.1.weight": fromNumbers("float64", [Number.NaN], [1, 1]) };
    await expect(study({ network: width1.network, parameters }, toy, [])).rejects.toThrow(
      "expected a critical point with a gradient of at most 1e-10, got one of NaN",
    );
  });

  it("names layers that there are, and units that have to be copied", async () => {
    await expect(replicaStudy(width1, toy, { layer: "fc9", engine, replicas: [] })).rejects.toThrow(
      'layer "fc9": expected one of 0 (layers.0)',
    );
    const layer: HiddenLayer = hiddenLayer(width3.network, 0);
    expect(() => replicate(width3, layer, [[1], [1]])).toThrow('layer "layers.0": expected copies of 3 units, got 2');
    expect(() => replicate(width3, layer, [[1], [1], [0.4, 0.4]])).toThrow(/^split of units 2, 3: expected 4 shares/);
  });
});
