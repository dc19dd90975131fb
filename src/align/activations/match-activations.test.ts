import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomInput, randomParameters } from "../../../test/architectures/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { input } from "../../graph/index.ts";
import { mlp, type Network, type Parameters } from "../../nets/index.ts";
import { act, type Discovery, discoverNetwork, identity, inverse, randomElement } from "../../symmetry/index.ts";
import { convert, fold, fromNumbers, normal, rngKey, type Tensor, tensor, toNumbers } from "../../tensor/index.ts";
import { activationMoments, type Moments } from "./activation-moments.ts";
import { type ActivationMatchOptions, matchActivations } from "./match-activations.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(31);
const measures = ["correlation", "inner-product"] as const;

/** Relative to the largest output: what rounding in float64 leaves. */
const ROUNDING = 1e-9;

function noisy(parameters: Parameters, part: number): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { shape }]) => {
      const { data } = normal(fold(key, "noise", name), shape, { dtype: "float64" });
      const numbers = toNumbers(parameters[name] as Tensor);
      const size = Math.hypot(...numbers) / Math.sqrt(numbers.length);
      return [
        name,
        tensor(
          "float64",
          shape,
          numbers.map((x, i) => x + part * size * (data[i] as number)),
        ),
      ];
    }),
  );
}

/** Consecutive rows of a batch, `size` at a time. */
function* inBatches({ shape, data }: Tensor, size: number): Generator<Tensor> {
  const length = data.length / (shape[0] as number);
  for (let start = 0; start < (shape[0] as number); start += size) {
    const rows = (data as Float64Array<ArrayBuffer>).slice(start * length, (start + size) * length);
    yield tensor("float64", [rows.length / length, ...shape.slice(1)], rows);
  }
}

async function outputsOf(network: Network, parameters: Parameters, x: Tensor): Promise<Float64Array> {
  const values = network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)] as const);
  const { output } = network.apply(input(" x", x.dtype, x.shape), Object.fromEntries(values));
  await using program = await engine.compile({ output });
  return toNumbers((await program.run({ ...parameters, " x": x })).output as Tensor);
}

function midpoint(a: Parameters, b: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(a).map(([name, value]) => {
      const [x, y] = [toNumbers(value), toNumbers(b[name] as Tensor)];
      return [
        name,
        tensor(
          "float64",
          value.shape,
          x.map((each, i) => (each + (y[i] as number)) / 2),
        ),
      ];
    }),
  );
}

/** Signs of a norm before which a residual stream has its own do not show in activations. */
const withoutPlantedSigns = /^(llama|mobilenet)/;
/** Rectifiers whose units are not all alive on a few inputs: there is no telling the dead ones apart. */
const withDeadUnits = /^(lenet|vgg16)/;

const cases = architectures.map(({ name, network }) => {
  const discovery = discoverNetwork(network);
  const { group } = discovery;
  const drawn = randomElement(group, fold(key, name), { spread: 1 });
  const planted = withoutPlantedSigns.test(name) ? { ...drawn, scales: identity(group).scales } : drawn;
  const a = randomParameters(network, key);
  return { name, network, discovery, a, planted, x: randomInput(network, key, 8) };
});

describe.each(cases.filter(({ name }) => !withDeadUnits.test(name)))("matching $name by activations", (pair) => {
  const { network, discovery, a, planted, x } = pair;

  it("recovers a planted renumbering", async () => {
    const b = act(discovery.group, planted, a);
    const { element } = await matchActivations(a, b, discovery, { network, engine, inputs: [x] });
    expect(element.permutations).toEqual(inverse(discovery.group, planted).permutations);
  });
});

describe.each(cases.filter(({ name }) => /^(lenet|vgg16)$/.test(name)))("matching $name, with dead units", (pair) => {
  it("leaves the function as it is on the inputs half-way to a renumbered copy", async () => {
    const { network, discovery, a, planted, x } = pair;
    const b = act(discovery.group, planted, a);
    // Units that live on one sample only are all correlated by 1.
    const options = { network, engine, inputs: [x], measure: "inner-product" } as const;
    const { parameters } = await matchActivations(a, b, discovery, options);
    const [expected, got, apart] = await Promise.all(
      [a, midpoint(a, parameters), midpoint(a, b)].map((each) => outputsOf(network, each, x)),
    );
    expect(distance(got as Float64Array, expected as Float64Array)).toBeLessThan(ROUNDING);
    expect(distance(apart as Float64Array, expected as Float64Array)).toBeGreaterThan(0.01);
  });
});

function distance(x: Float64Array, y: Float64Array): number {
  return Math.max(...x.map((each, i) => Math.abs(each - (y[i] as number)))) / Math.max(...y.map(Math.abs));
}

describe.each(["mlp-relu", "mlp-tanh", "resnet18"])("matching noisy copies of %s", (name) => {
  const { network, discovery, a, planted } = cases.find((each) => each.name === name) as (typeof cases)[number];

  it.each(measures)("recovers the renumbering and its signs by %s under 5 % of noise", async (measure) => {
    const { group } = discovery;
    const b = act(group, planted, noisy(a, 0.05));
    const options = { network, engine, inputs: inBatches(randomInput(network, key, 32), 16), measure };
    const { element } = await matchActivations(a, b, discovery, options);
    expect(element).toEqual(inverse(group, planted));
  });
});

describe("matching by activations", () => {
  const { network, discovery, a, x } = pairOf(mlp({ input: [6], widths: [8, 7], outputs: 3 }));
  const b = randomParameters(network, fold(key, "other"));
  const matchOn = (inputs: ActivationMatchOptions["inputs"], options: Partial<ActivationMatchOptions> = {}) =>
    matchActivations(a, b, discovery, { network, engine, inputs, ...options });

  it.each(measures)("finds the best of all permutations of a small layer by %s", async (measure) => {
    const small = pairOf(mlp({ input: [3], widths: [5], outputs: 2, activation: "tanh" }));
    const other = randomParameters(small.network, fold(key, "other"));
    const [p, q] = [hiddenOf(small.a, small.x), hiddenOf(other, small.x)];
    const gain = p.map((row) => q.map((column) => Math.abs(likeness(row, column, measure))));
    const best = Math.max(...permutations(5).map((units) => totalOf(gain, units)));
    const options = { network: small.network, engine, inputs: [small.x], measure };
    const { element } = await matchActivations(small.a, other, small.discovery, options);
    const units = [...(element.permutations[0] as Int32Array)];
    expect(totalOf(gain, units)).toBeCloseTo(best, 10);
    const signed = units.map((unit, place) => likeness(p[place] as number[], q[unit] as number[], measure));
    expect([...(element.scales[0] as Float64Array)]).toEqual(signed.map(Math.sign));
  });

  it.each([1, 3, 16, 63, 64])("computes the moments of all samples from batches of %d", async (size) => {
    const small = pairOf(mlp({ input: [3], widths: [5], outputs: 2, activation: "tanh" }));
    const other = randomParameters(small.network, fold(key, "other"));
    const pair = { ...small, b: other, factors: new Set([0]) };
    const [[moments]] = (await activationMoments(pair, inBatches(small.x, size), { engine })) as [[Moments]];
    const [p, q] = [hiddenOf(small.a, small.x), hiddenOf(other, small.x)];
    expectClose(moments.a.means, p.map(mean));
    expectClose(
      moments.b.variances,
      q.map((unit) => dot(centred(unit), centred(unit))),
    );
    expectClose(
      moments.covariances,
      p.flatMap((x) => q.map((y) => dot(centred(x), centred(y)))),
    );
  });

  it("takes batches as they arrive", async () => {
    async function* arriving() {
      yield* inBatches(x, 20);
    }
    expect((await matchOn(arriving())).element).toEqual((await matchOn([x])).element);
  });

  it("does not depend on the scales of units where it correlates", async () => {
    const { group } = discovery;
    const scaled = act(group, { ...identity(group), scales: randomElement(group, key, { spread: 50 }).scales }, b);
    const { element } = await matchActivations(a, scaled, discovery, { network, engine, inputs: [x] });
    expect(element).toEqual((await matchOn([x])).element);
  });

  it.each(measures)("matches the living units where others are constant in float32, by %s", async (measure) => {
    const dead = withBiases(a, "layers.0", { 2: { weight: 0, bias: 1.1 }, 5: { weight: 0, bias: -1 } });
    const { group } = discovery;
    const planted = randomElement(group, key, { spread: 1 });
    const options = { network, engine, inputs: inBatches(x, 20), measure };
    const match = await matchActivations(dead, act(group, planted, dead), discovery, options);
    expect(Number.isFinite(match.objective.after)).toBe(true);
    const expected = inverse(group, planted).permutations[0] as Int32Array;
    const got = match.element.permutations[0] as Int32Array;
    const living = [0, 1, 3, 4, 6, 7];
    expect(living.map((unit) => got[unit])).toEqual(living.map((unit) => expected[unit]));
  });

  it("gives the same bytes again", async () => {
    expect(await matchOn([x])).toEqual(await matchOn([x]));
  });

  it("has nothing to match in a linear classifier", async () => {
    const linear = pairOf(mlp({ input: [6], widths: [], outputs: 3 }));
    const options = { network: linear.network, engine, inputs: [linear.x] };
    const { parameters, classes } = await matchActivations(linear.a, linear.a, linear.discovery, options);
    expect(classes).toEqual([]);
    expect(parameters).toEqual(linear.a);
  });

  it("refuses to match on nothing, and on inputs of another shape", async () => {
    await expect(matchOn([])).rejects.toThrow(/^inputs: expected at least one batch, got none;/);
    const other = fromNumbers("float64", [1, 2, 3], [1, 3]);
    await expect(matchOn([other])).rejects.toThrow(/^mlp: expected batches of samples \[6\], got \[1, 3\]/);
  });

  it("stops when it is told to", async () => {
    await expect(matchOn([x], { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});

interface Pair {
  readonly network: Network;
  readonly discovery: Discovery;
  readonly a: Parameters;
  readonly x: Tensor;
}

function pairOf(network: Network): Pair {
  const x = randomInput(network, fold(key, "x"), 64);
  return { network, discovery: discoverNetwork(network), a: randomParameters(network, key), x };
}

/** In float32, with every weight and the bias of some units set. */
function withBiases(
  parameters: Parameters,
  layer: string,
  units: Readonly<Record<number, { readonly weight: number; readonly bias: number }>>,
): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => {
      const width = value.shape[1] ?? 1;
      const kind = name === `${layer}.weight` ? "weight" : "bias";
      const isHit = name === `${layer}.${kind}`;
      const numbers = toNumbers(value).map((x, i) => (isHit ? (units[Math.floor(i / width)]?.[kind] ?? x) : x));
      return [name, convert(tensor("float64", value.shape, numbers), "float32")];
    }),
  );
}

/** Activations of the hidden layer of a network with one, unit by unit, in plain loops. */
function hiddenOf(parameters: Parameters, x: Tensor): number[][] {
  const [weight, bias] = ["weight", "bias"].map((name) => parameters[`layers.0.${name}`] as Tensor) as [Tensor, Tensor];
  const [samples, width] = x.shape as [number, number];
  return Array.from({ length: bias.data.length }, (_, unit) =>
    Array.from({ length: samples }, (_, sample) => {
      let sum = Number(bias.data[unit]);
      for (let k = 0; k < width; k++) sum += Number(weight.data[unit * width + k]) * Number(x.data[sample * width + k]);
      return Math.tanh(sum);
    }),
  );
}

function likeness(p: readonly number[], q: readonly number[], measure: (typeof measures)[number]): number {
  if (measure === "inner-product") return dot(p, q);
  const [x, y] = [centred(p), centred(q)];
  return dot(x, y) / Math.sqrt(dot(x, x) * dot(y, y));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function centred(values: readonly number[]): number[] {
  const middle = mean(values);
  return values.map((value) => value - middle);
}

/** The mean product. */
function dot(x: readonly number[], y: readonly number[]): number {
  return mean(x.map((each, i) => each * (y[i] as number)));
}

function expectClose(got: Float64Array, expected: readonly number[]): void {
  expect(got).toHaveLength(expected.length);
  for (const [i, x] of expected.entries()) expect(got[i]).toBeCloseTo(x, 12);
}

function totalOf(gain: readonly (readonly number[])[], units: readonly number[]): number {
  return units.reduce((sum, unit, place) => sum + (gain[place]?.[unit] as number), 0);
}

/** Every permutation of 0..n-1. */
function permutations(n: number): number[][] {
  if (n === 0) return [[]];
  return permutations(n - 1).flatMap((rest) => Array.from({ length: n }, (_, at) => rest.toSpliced(at, 0, n - 1)));
}
