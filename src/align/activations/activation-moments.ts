import type { Engine, Program } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import { input, inputsOf, substitute, type Value } from "../../graph/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { type Discovery, discoverGraph, type SymmetryGroup } from "../../symmetry/index.ts";
import { convert, formatShape, partOf, sameShape, stack, type Tensor, toNumbers } from "../../tensor/index.ts";
import { activationsOf } from "./activations.ts";

/** Batches of inputs [n, ...] as a network takes them; a data set's are normalised. */
export type Batches = Iterable<Tensor> | AsyncIterable<Tensor>;

/** Means over samples, and over all axes of an activation but its units, of which there are [copies, units]. */
export interface Moments {
  readonly signs: readonly number[];
  /** [copies, units of a, units of b] covariances. */
  readonly covariances: Float64Array;
  readonly a: UnitMoments;
  readonly b: UnitMoments;
}

/** Of one of the two networks. */
export interface UnitMoments {
  readonly means: Float64Array;
  readonly variances: Float64Array;
}

export interface PairOfNetworks {
  readonly network: Network;
  readonly discovery: Discovery;
  readonly a: Parameters;
  readonly b: Parameters;
  /** Factors whose activations are looked at. */
  readonly factors: ReadonlySet<number>;
}

/** By factor the moments of each of its activations, under a and b on the same inputs. */
export async function activationMoments(
  pair: PairOfNetworks,
  batches: Batches,
  { engine, signal }: { readonly engine: Engine; readonly signal?: AbortSignal | undefined },
): Promise<Moments[][]> {
  const names = pair.network.parameters.map(({ name }) => name);
  const isDouble = names.some((name) => [pair.a, pair.b].some((each) => each[name]?.dtype === "float64"));
  const dtype = isDouble ? "float64" : "float32";
  const weights = Object.fromEntries(
    names.flatMap((name) => [
      [`a.${name}`, convert(pair.a[name] as Tensor, dtype)],
      [`b.${name}`, convert(pair.b[name] as Tensor, dtype)],
    ]),
  );
  const programs = new Map<string, PairProgram>();
  let total: Moments[][] = [];
  let count = 0;
  try {
    for await (const batch of batches) {
      signal?.throwIfAborted();
      checkBatch(pair.network, batch);
      const samples = batch.shape[0] as number;
      const x = convert(samples === 1 ? twice(batch) : batch, pair.network.inputKind === "tokens" ? "int64" : dtype);
      const key = formatShape(x.shape);
      const program = programs.get(key) ?? (await compilePair(pair, { x, dtype, engine }));
      programs.set(key, program);
      const moments = program.read(await program.program.run({ ...weights, [sampleName]: x }));
      count += samples;
      total = count === samples ? moments : merged(total, moments, samples / count);
    }
  } finally {
    for (const { program } of programs.values()) await program[Symbol.asyncDispose]();
  }
  check(count > 0, () => ({
    code: "no-samples",
    where: "inputs",
    message: "expected at least one batch, got none",
    remedy: "give the inputs that the activations are to be compared on",
  }));
  return total;
}

/** The name of the input of a pair's graph, which no parameter has. */
const sampleName = " x";

function checkBatch({ inputKind, inputShape, description }: Network, { shape }: Tensor): void {
  const isFitting =
    (shape[0] ?? 0) >= 1 && (inputKind === "tokens" ? shape.length === 2 : sameShape(shape.slice(1), inputShape));
  check(isFitting, () => ({
    code: "bad-fit",
    where: description.net,
    message: `expected batches of samples ${formatShape(inputShape)}, got ${formatShape(shape)}`,
  }));
}

/** An axis of size 1 could not be told from one that is broadcast: a single sample goes in twice. */
function twice(batch: Tensor): Tensor {
  const sample = partOf(batch, 0);
  return stack([sample, sample]);
}

interface PairProgram {
  readonly program: Program;
  readonly read: (outputs: Parameters) => Moments[][];
}

interface Compilation {
  readonly x: Tensor;
  /** Of the parameters. */
  readonly dtype: "float32" | "float64";
  readonly engine: Engine;
}

const parts = ["covariances", "a.means", "a.variances", "b.means", "b.variances"] as const;

/** One graph for both networks and all factors, for inputs like `x`. */
async function compilePair(pair: PairOfNetworks, { x, dtype, engine }: Compilation): Promise<PairProgram> {
  const activations = activationsOf(discoverAt(pair, x, dtype), { sample: sampleName, factors: pair.factors });
  const values = activations.flat().map(({ unfolded }) => unfolded);
  const [a, b] = (["a", "b"] as const).map((which) => withNames(values, which)) as [Value[], Value[]];
  const graph = Object.fromEntries(
    values.flatMap((_, i) => {
      const moments = momentGraph(a[i] as Value, b[i] as Value);
      return parts.map((part) => [`${i}.${part}`, moments[part]] as const);
    }),
  );
  const program = await engine.compile(graph);
  const read = (outputs: Parameters): Moments[][] => {
    let next = 0;
    return activations.map((own) =>
      own.map(({ signs }) => {
        const i = next++;
        const of = (part: (typeof parts)[number]) => toNumbers(outputs[`${i}.${part}`] as Tensor);
        return {
          signs,
          covariances: of("covariances"),
          a: { means: of("a.means"), variances: of("a.variances") },
          b: { means: of("b.means"), variances: of("b.variances") },
        };
      }),
    );
  };
  return { program, read };
}

/** The discovery of the same network for other inputs than those it was discovered with. */
function discoverAt({ network, discovery }: PairOfNetworks, x: Tensor, dtype: Compilation["dtype"]): Discovery {
  const { group, parameters } = discovery;
  const values = network.parameters.map(({ name, shape }) => [name, input(name, dtype, shape)] as const);
  const { output } = network.apply(input(sampleName, x.dtype, x.shape), Object.fromEntries(values));
  const sized = discoverGraph([output], [...parameters.keys()]);
  check(isSameGroup(group, sized.group), () => ({
    code: "different-networks",
    where: network.description.net,
    message: "expected the network that the symmetries were discovered in, got one with other units",
    remedy: "pass the discovery of this network",
  }));
  return sized;
}

function isSameGroup(one: SymmetryGroup, other: SymmetryGroup): boolean {
  const summary = ({ factors, generators }: SymmetryGroup) =>
    JSON.stringify([factors.map(({ name, size, copies }) => [name, size, copies]), generators]);
  return summary(one) === summary(other);
}

function withNames(values: readonly Value[], which: "a" | "b"): Value[] {
  const renamed = inputsOf(values)
    .filter(({ attributes }) => attributes.name !== sampleName)
    .map((each) => [each, input(`${which}.${each.attributes.name}`, each.dtype, each.shape)] as const);
  return substitute(values, new Map<Value, Value>(renamed));
}

/** Of activations [copies, units, rest]; centred in each batch, as sums of squares would lose what small variances have. */
function momentGraph(a: Value, b: Value): Record<(typeof parts)[number], Value> {
  const [x, y] = [a, b].map((each) => {
    const means = each.mean(2, { keepDims: true });
    return { means, centred: each.sub(means) };
  }) as [{ means: Value; centred: Value }, { means: Value; centred: Value }];
  const length = a.shape[2] as number;
  return {
    covariances: x.centred.matmul(y.centred.transpose([0, 2, 1])).div(length),
    "a.means": x.means,
    "a.variances": x.centred.square().mean(2),
    "b.means": y.means,
    "b.variances": y.centred.square().mean(2),
  };
}

/** The moments of two sets of samples together, of which the second has the part `t` (Chan, Golub, LeVeque 1979). */
function merged(one: Moments[][], other: Moments[][], t: number): Moments[][] {
  return one.map((own, factor) => own.map((moments, i) => mergedPair(moments, other[factor]?.[i] as Moments, t)));
}

function mergedPair(one: Moments, other: Moments, t: number): Moments {
  const [da, db] = [differences(one.a, other.a), differences(one.b, other.b)];
  const units = one.covariances.length / da.length;
  const covariances = one.covariances.map((first, k) => {
    const row = Math.floor(k / units);
    const column = row - (row % units) + (k % units);
    const apart = (da[row] as number) * (db[column] as number);
    return first + t * ((other.covariances[k] as number) - first) + t * (1 - t) * apart;
  });
  return { signs: one.signs, covariances, a: mergedUnits(one.a, other.a, t), b: mergedUnits(one.b, other.b, t) };
}

function mergedUnits(one: UnitMoments, other: UnitMoments, t: number): UnitMoments {
  const apart = differences(one, other);
  return {
    means: one.means.map((mean, unit) => mean + t * (apart[unit] as number)),
    variances: one.variances.map(
      (first, unit) =>
        first + t * ((other.variances[unit] as number) - first) + t * (1 - t) * (apart[unit] as number) ** 2,
    ),
  };
}

function differences(one: UnitMoments, other: UnitMoments): Float64Array {
  return other.means.map((mean, unit) => mean - (one.means[unit] as number));
}
