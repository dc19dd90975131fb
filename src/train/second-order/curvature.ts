import type { Dataset, Split } from "../../data/index.ts";
import type { Engine, LoopProgram, Members } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import { input, topologicalOrder, type Value } from "../../graph/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { bytesPerElement, elementCount, type Tensor, zeros } from "../../tensor/index.ts";
import { checkFit, checkSplit } from "../fit.ts";
import { prepareDataset } from "../prepare.ts";
import { splitFeeds } from "../samples.ts";
import { flatten, layoutOf, type ParameterLayout, unflatten } from "./layout.ts";
import { type HessianKind, type LossModel, lossModel, productGraph, slopeGraph } from "./model.ts";
import type { LocalCurvature, Objective, Slope } from "./objective.ts";
import { isShallow, shallowDerivatives } from "./shallow.ts";

export interface CurvatureOptions {
  readonly engine: Engine;
  /** Defaults to the train split. */
  readonly split?: "train" | "test" | Split;
  /** Parameters that are held at these values; statistics of batch norm must be among them. */
  readonly fixed?: Parameters;
}

/** The loss of a network over all samples and its derivatives in float64, for many vectors of parameters at once. */
export interface Curvature extends Objective, AsyncDisposable {
  readonly layout: ParameterLayout;
  /** The free parameters as a vector, in the order of `layout`. */
  flatten(parameters: Parameters): Float64Array<ArrayBuffer>;
  /** The vector as named tensors, together with the fixed ones. */
  unflatten(point: Float64Array): Parameters;
  gaussNewton(points: readonly Float64Array[]): Promise<readonly LocalCurvature[]>;
  /** The Hessian at each point times the direction of the same index. */
  products(points: readonly Float64Array[], directions: readonly Float64Array[]): Promise<readonly Float64Array[]>;
}

/**
 * The curvature of a network's loss on a split: mean squared error without 1/2 for real targets, mean cross-entropy for
 * classes. Dense Hessians of perceptrons with one hidden layer come from the closed form of their blocks, all others
 * from products with the unit vectors.
 */
export async function curvatureOf(network: Network, dataset: Dataset, options: CurvatureOptions): Promise<Curvature> {
  const { engine, split = "train", fixed = {} } = options;
  const samples = typeof split === "string" ? dataset[split] : split;
  checkFit(network, dataset);
  checkSplit("curvature", dataset, samples);
  const layout = layoutOf(network, Object.keys(fixed));
  const prepared = await prepareDataset({ ...dataset, train: samples }, "float64", engine);
  const model = lossModel(network, prepared, { layout, fixed });
  const programs = programCache(engine);
  const derivatives = (isShallow(model) ? shallow : general)(model, programs);
  return {
    layout,
    size: layout.size,
    ...derivatives,
    flatten: (parameters) => flatten(layout, parameters),
    unflatten: (point) => ({ ...fixed, ...unflatten(layout, point) }),
    async products(points, directions) {
      checkPoints(model, [...points, ...directions]);
      if (points.length === 0) return [];
      const direction = input("direction", "float64", [layout.size]);
      const product = () => ({ product: productGraph(model, direction, "exact") });
      const program = await programs.get("products", product, ["point", "direction"]);
      const feeds = { ...splitFeeds(prepared.train), ...stacked("point", points), ...stacked("direction", directions) };
      const { product: result } = await program.run(points.length, feeds);
      return rowsOf(result as Tensor, points.length);
    },
    [Symbol.asyncDispose]: () => programs.release(),
  };
}

type Outputs = Readonly<Record<string, Value>>;
type Programs = ReturnType<typeof programCache>;

/** Programs that are compiled when they are first asked for. */
function programCache(engine: Engine) {
  const compiled = new Map<string, Promise<LoopProgram>>();
  return {
    get(name: string, outputs: () => Outputs, stepped: readonly string[], members?: Members): Promise<LoopProgram> {
      const program = compiled.get(name) ?? engine.compileLoop(outputs(), stepped, members);
      compiled.set(name, program);
      return program;
    },
    async release() {
      await Promise.all([...compiled.values()].map(async (program) => (await program)[Symbol.asyncDispose]()));
      compiled.clear();
    },
  };
}

type Derivatives = Pick<Curvature, "slopes" | "curvatures" | "gaussNewton">;

function shallow(model: LossModel, programs: Programs): Derivatives {
  const { feeds, slopes, blocks, assemble } = shallowDerivatives(model);
  const { size } = model.layout;
  const dense = (kind: HessianKind) => {
    const parts = blocks(kind);
    const names = Object.keys(parts);
    return async (points: readonly Float64Array[]) => {
      checkPoints(model, points);
      if (points.length === 0) return [];
      const program = await programs.get(kind, () => ({ ...slopes, ...parts }), ["point"]);
      const results = await program.run(points.length, { ...feeds, ...stacked("point", points) });
      const rows = new Map(names.map((name) => [name, rowsOf(results[name] as Tensor, points.length)]));
      return slopesOf(results, points.length).map((slope, i) => {
        const hessian = new Float64Array(size * size);
        assemble(kind, (name) => rows.get(name)?.[i] as Float64Array, hessian);
        return { ...slope, hessian };
      });
    };
  };
  return {
    slopes: slopesBy(model, programs, { graph: () => slopes, feeds }),
    curvatures: dense("exact"),
    gaussNewton: dense("gauss-newton"),
  };
}

function general(model: LossModel, programs: Programs): Derivatives {
  const feeds = splitFeeds(model.dataset.train);
  const graph = () => {
    const { loss, gradient } = slopeGraph(model);
    return { loss, gradient };
  };
  const slopes = slopesBy(model, programs, { graph, feeds });
  const dense = (kind: HessianKind) => {
    const { product, width } = densePlan(model, kind);
    return async (points: readonly Float64Array[]) => {
      const curvatures: LocalCurvature[] = [];
      for (const [i, slope] of (await slopes(points)).entries()) {
        const members = { count: width, own: ["direction"] };
        const program = await programs.get(`dense ${kind}`, () => ({ product }), ["direction"], members);
        const at = { ...feeds, ...shared("point", points[i] as Float64Array) };
        curvatures.push({ ...slope, hessian: await denseHessian(program, at, { size: model.layout.size, width }) });
      }
      return curvatures;
    };
  };
  return { slopes, curvatures: dense("exact"), gaussNewton: dense("gauss-newton") };
}

function slopesBy(
  model: LossModel,
  programs: Programs,
  { graph, feeds }: { graph(): Outputs; readonly feeds: Readonly<Record<string, Tensor>> },
): Derivatives["slopes"] {
  return async (points) => {
    checkPoints(model, points);
    if (points.length === 0) return [];
    const program = await programs.get("slopes", graph, ["point"]);
    return slopesOf(await program.run(points.length, { ...feeds, ...stacked("point", points) }), points.length);
  };
}

function checkPoints({ layout }: LossModel, points: readonly Float64Array[]): void {
  const wrong = points.find(({ length }) => length !== layout.size);
  check(!wrong, () => ({
    code: "bad-point",
    where: "curvature",
    message: `expected vectors of ${layout.size} parameters, got one of ${wrong?.length}`,
  }));
}

/** Results of this size still lie in a cache when the next operator reads them. */
const cachedBytes = 2 ** 22;

/** The product with one direction, and with how many of them at a time the results stay in a cache. */
function densePlan(model: LossModel, kind: HessianKind): { readonly product: Value; readonly width: number } {
  const { size } = model.layout;
  const product = productGraph(model, input("direction", "float64", [size]), kind);
  return { product, width: Math.min(size, Math.max(1, Math.floor(cachedBytes / largestBytes(product)))) };
}

/** The Hessian from its products with the unit vectors. */
async function denseHessian(
  program: LoopProgram,
  feeds: Readonly<Record<string, Tensor>>,
  { size, width }: { readonly size: number; readonly width: number },
): Promise<Float64Array> {
  const rounds = Math.ceil(size / width);
  const direction = zeros("float64", [rounds, width, size]);
  for (let i = 0; i < size; i++) direction.data[i * size + i] = 1;
  const { product } = await program.run(rounds, { ...feeds, direction });
  return symmetrized((product as Tensor<"float64">).data.subarray(0, size * size), size);
}

function largestBytes(value: Value): number {
  const computed = topologicalOrder([value]).filter(({ op }) => op !== "Input" && op !== "Constant");
  return Math.max(...computed.map(({ dtype, shape }) => elementCount(shape) * bytesPerElement(dtype)));
}

/** The mean of a matrix and its transpose: rounding makes products with unit vectors slightly unsymmetric. */
function symmetrized(matrix: Float64Array, n: number): Float64Array {
  const result = matrix.slice();
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const mean = ((matrix[i * n + j] as number) + (matrix[j * n + i] as number)) / 2;
      result[i * n + j] = mean;
      result[j * n + i] = mean;
    }
  }
  return result;
}

function stacked(name: string, vectors: readonly Float64Array[]): Record<string, Tensor> {
  const size = vectors[0]?.length ?? 0;
  const all = zeros("float64", [vectors.length, size]);
  for (const [i, vector] of vectors.entries()) all.data.set(vector, i * size);
  return { [name]: all };
}

function shared(name: string, vector: Float64Array): Record<string, Tensor> {
  return { [name]: { dtype: "float64", shape: [vector.length], data: Float64Array.from(vector) } };
}

function slopesOf(results: Readonly<Record<string, Tensor>>, count: number): Slope[] {
  const losses = (results.loss as Tensor<"float64">).data;
  return rowsOf(results.gradient as Tensor, count).map((gradient, i) => ({ loss: losses[i] as number, gradient }));
}

function rowsOf({ data }: Tensor, count: number): Float64Array[] {
  const size = data.length / count;
  return Array.from({ length: count }, (_, i) => (data as Float64Array).subarray(i * size, (i + 1) * size));
}
