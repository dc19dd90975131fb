import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { criticalCount } from "../../counting/index.ts";
import { type Dataset, teacherStudent } from "../../data/index.ts";
import { initializeParameters, type MlpOptions, type Model, mlp, type Parameters } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, uniform } from "../../tensor/index.ts";
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

/** A perceptron in plain numbers. */
interface Plain {
  readonly f: (z: number) => number;
  readonly layers: readonly { readonly weights: readonly (readonly number[])[]; readonly biases: readonly number[] }[];
}

const functions = {
  tanh: Math.tanh,
  softplus: (z: number) => Math.log1p(Math.exp(z)),
  sigmoid: (z: number) => 1 / (1 + Math.exp(-z)),
};
type Name = keyof typeof functions;

function plainOf({ network, parameters }: Model): Plain {
  const { activation, widths } = network.description as unknown as MlpOptions;
  const layers = [...widths, network.outputs].map((size, k) => {
    const { data, shape } = parameters[`layers.${k}.weight`] as Tensor<"float64">;
    const width = shape[1] as number;
    const biases = parameters[`layers.${k}.bias`]?.data as Float64Array | undefined;
    return {
      weights: Array.from({ length: size }, (_, i) => Array.from(data.slice(i * width, (i + 1) * width))),
      biases: biases ? Array.from(biases) : new Array<number>(size).fill(0),
    };
  });
  return { f: functions[activation as Name], layers };
}

function outputOf({ f, layers }: Plain, x: readonly number[]): number[] {
  return layers.reduce<number[]>(
    (values, { weights, biases }, k) => {
      const read = k === 0 ? values : values.map(f);
      return weights.map((row, i) => row.reduce((sum, w, j) => sum + w * (read[j] as number), biases[i] as number));
    },
    [...x],
  );
}

function samplesOf({ train }: Dataset): number[][] {
  const { data } = train.inputs as Tensor<"float64">;
  return Array.from({ length: data.length / 2 }, (_, i) => Array.from(data.slice(2 * i, 2 * i + 2)));
}

function lossOf(plain: Plain, dataset: Dataset): number {
  const samples = samplesOf(dataset);
  const { data } = dataset.train.targets;
  const losses = samples.map((x, p) => {
    const y = outputOf(plain, x);
    if (dataset.task === "classification") {
      return Math.log(y.reduce((sum, v) => sum + Math.exp(v), 0)) - (y[data[p] as number] as number);
    }
    return y.reduce((sum, v, m) => sum + (v - (data[p * y.length + m] as number)) ** 2, 0) / y.length;
  });
  return losses.reduce((sum, each) => sum + each) / samples.length;
}

interface Problem {
  readonly widths: readonly number[];
  readonly outputs: number;
  readonly activation?: Name;
  readonly task?: Dataset["task"];
  readonly bias?: boolean;
  readonly samples?: number;
}

/** A random network, and samples of it with noise: its best fit is close by and a strict minimum. */
function noisyTeacher(problem: Problem, seed: number): { readonly model: Model; readonly dataset: Dataset } {
  const { widths, outputs, activation = "tanh", task = "regression", bias = true, samples = 100 } = problem;
  const key = fold(rngKey(seed), "problem");
  const network = mlp({ input: 2, widths, outputs, activation, bias });
  const drawn = initializeParameters(network, key, "float64");
  const parameters = Object.fromEntries(
    Object.entries(drawn).map(([name, { shape }]) => [
      name,
      normal(fold(key, name), shape, { dtype: "float64", deviation: name.endsWith("bias") ? 0.5 : 1 }),
    ]),
  );
  const model = { network, parameters };
  const inputs = normal(fold(key, "inputs"), [samples, 2], { dtype: "float64" });
  const empty = { name: "noise", sampleShape: [2], normalization: { mean: [0, 0], deviation: [1, 1] } };
  const plain = plainOf(model);
  const split = { inputs, targets: inputs };
  const answers = samplesOf({ ...empty, task, classes: 0, train: split, test: split }).map((x) => outputOf(plain, x));
  const noise = normal(fold(key, "noise"), [samples * outputs], { dtype: "float64" }).data;
  const chance = uniform(fold(key, "chance"), [samples], { dtype: "float64" }).data;
  const targets =
    task === "regression"
      ? fromNumbers(
          "float64",
          answers.flat().map((y, i) => y + 0.1 * (noise[i] as number)),
          [samples, outputs],
        )
      : fromNumbers(
          "int32",
          answers.map((logits, p) => drawnClass(logits, chance[p] as number)),
          [samples],
        );
  const train = { inputs, targets };
  return { model, dataset: { ...empty, task, classes: task === "regression" ? 0 : outputs, train, test: train } };
}

function drawnClass(logits: readonly number[], chance: number): number {
  const total = logits.reduce((sum, v) => sum + Math.exp(v), 0);
  let left = chance * total;
  const found = logits.findIndex((v) => {
    left -= Math.exp(v);
    return left < 0;
  });
  return found < 0 ? logits.length - 1 : found;
}

async function trained(
  { model, dataset }: { readonly model: Model; readonly dataset: Dataset },
  level = 0,
): Promise<Model> {
  await using curvature = await curvatureOf(model.network, dataset, { engine });
  const [found] = await minimize(curvature, [curvature.flatten(model.parameters)]);
  expect(found).toMatchObject({ stopped: "converged", index: { negative: 0, zero: level } });
  return { network: model.network, parameters: curvature.unflatten(found?.point as Float64Array) };
}

/** The plain network with a copy of unit i of a layer behind the others; the copy has no outgoing weights. */
function withCopy(plain: Plain, layer: number, unit: number): Plain {
  const layers = plain.layers.map(({ weights, biases }, k) => {
    const rows = weights.map((row) => (k === layer + 1 ? [...row, 0] : [...row]));
    if (k !== layer) return { weights: rows, biases: [...biases] };
    return { weights: [...rows, [...(rows[unit] as number[])]], biases: [...biases, biases[unit] as number] };
  });
  return { ...plain, layers };
}

/** Adds to entry k of the incoming weights of a unit, of which the bias is the last. */
function nudge({ layers }: Plain, [layer, unit, k]: readonly [number, number, number], step: number): void {
  const { weights, biases } = layers[layer] as { weights: number[][]; biases: number[] };
  const row = weights[unit] as number[];
  if (k < row.length) row[k] = (row[k] as number) + step;
  else biases[unit] = (biases[unit] as number) + step;
}

const step = 1e-3;

/** B and C of a unit from differences of the loss. */
function differences(
  model: Model,
  dataset: Dataset,
  {
    layer,
    unit,
    inputs,
    outputs,
  }: { readonly layer: number; readonly unit: number; readonly inputs: number; readonly outputs: number },
) {
  const plain = plainOf(model);
  const copy = plain.layers[layer]?.weights.length as number;
  const lossWith = (change: (made: Plain) => void) => {
    const made = withCopy(plain, layer, unit);
    change(made);
    return lossOf(made, dataset);
  };
  const outgoing = (made: Plain, m: number) => made.layers[layer + 1]?.weights[m] as number[];
  const each = (count: number) => Array.from({ length: count }, (_, i) => i);
  const c = each(outputs).flatMap((m) =>
    each(inputs).map((k) => {
      const at = (a: number, w: number) =>
        lossWith((made) => {
          nudge(made, [layer, copy, k], w * step);
          outgoing(made, m)[copy] = a * step;
        });
      return (at(1, 1) - at(1, -1) - at(-1, 1) + at(-1, -1)) / (4 * step * step);
    }),
  );
  const parted = (directions: readonly (readonly [number, number])[]) =>
    lossWith((made) => {
      for (const m of each(outputs)) {
        const row = outgoing(made, m);
        row[copy] = (row[unit] as number) / 2;
        row[unit] = (row[unit] as number) / 2;
      }
      for (const [k, sign] of directions) {
        nudge(made, [layer, unit, k], sign * step);
        nudge(made, [layer, copy, k], -sign * step);
      }
    });
  const b = each(inputs).flatMap((k) =>
    each(inputs).map(
      (l) =>
        (parted([
          [k, 1],
          [l, 1],
        ]) -
          parted([
            [k, 1],
            [l, -1],
          ])) /
        (2 * step * step),
    ),
  );
  return { b, c };
}

function expectClose(got: Float64Array, expected: readonly number[]): void {
  expect(got.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  // Differences of second order lose the square of the step, and rounding divided by it.
  for (const [i, x] of expected.entries()) expect(Math.abs((got[i] as number) - x)).toBeLessThan(1e-4 * (scale + 0.01));
}

describe("B and C of a unit", () => {
  const problems: readonly Problem[] = [
    { widths: [3], outputs: 2 },
    { widths: [2], outputs: 1, activation: "sigmoid", bias: false },
    { widths: [3, 2], outputs: 2, activation: "softplus" },
    { widths: [2, 3], outputs: 3, task: "classification" },
  ];
  it.each(problems)("are what differences of the loss give: %o", async (problem) => {
    const { model, dataset } = noisyTeacher({ ...problem, samples: 12 }, 1);
    for (const index of problem.widths.keys()) {
      const layer = hiddenLayer(model.network, index);
      const forms = await duplicationForms(model, dataset, { layer, engine });
      expect(forms).toHaveLength(layer.size);
      for (const [unit, form] of forms.entries()) {
        const { inputs, outputs } = form;
        expect(inputs).toBe((problem.widths[index - 1] ?? 2) + (problem.bias === false ? 0 : 1));
        expect(outputs).toBe(problem.widths[index + 1] ?? problem.outputs);
        const { b, c } = differences(model, dataset, { layer: index, unit, inputs, outputs });
        expectClose(form.c, c);
        expectClose(form.b, b);
      }
    }
  });

  it.each([
    ["relu", "mlp: expected activations with two derivatives everywhere, such as tanh, sigmoid or softplus, got Relu;"],
    ["sign", "mlp: expected a network that can be differentiated twice, got one with"],
  ] as const)("are refused for %s", async (activation, message) => {
    const network = mlp({ input: 2, widths: [2], outputs: 1, activation });
    const parameters = initializeParameters(network, rngKey(1), "float64");
    const layer = hiddenLayer(network, 0);
    await expect(duplicationForms({ network, parameters }, toy, { layer, engine })).rejects.toThrow(message);
  });
});

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

  it("names layers that there are, and units that have to be copied", async () => {
    await expect(replicaStudy(width1, toy, { layer: "fc9", engine, replicas: [] })).rejects.toThrow(
      'layer "fc9": expected one of 0 (layers.0)',
    );
    const layer: HiddenLayer = hiddenLayer(width3.network, 0);
    expect(() => replicate(width3, layer, [[1], [1]])).toThrow('layer "layers.0": expected copies of 3 units, got 2');
    expect(() => replicate(width3, layer, [[1], [1], [0.4, 0.4]])).toThrow(/^split of units 2, 3: expected 4 shares/);
  });
});
