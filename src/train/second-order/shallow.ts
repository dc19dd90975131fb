import { splitSize } from "../../data/index.ts";
import { concat, constant, grad, input, type Value } from "../../graph/index.ts";
import { type Activation, activate } from "../../nets/index.ts";
import { elementCount, fromNumbers, type Tensor, toNumbers, zeros } from "../../tensor/index.ts";
import { lossOf } from "../samples.ts";
import type { ParameterLayout } from "./layout.ts";
import { type HessianKind, joined, type LossModel } from "./model.ts";

/** The derivatives of a perceptron with one hidden layer, as graphs of blocks and how these make a matrix. */
export interface ShallowDerivatives {
  readonly feeds: Readonly<Record<string, Tensor>>;
  readonly slopes: Readonly<Record<"loss" | "gradient", Value>>;
  /** Blocks of the Hessian, by name. */
  blocks(kind: HessianKind): Readonly<Record<string, Value>>;
  /** Writes the Hessian [n, n] that blocks of these names make; `read` gives the numbers of one. */
  assemble(kind: HessianKind, read: (name: string) => Float64Array, into: Float64Array): void;
}

/** Above this many inputs the products of all pairs of them would take too much memory. */
const mostInputs = 64;

/** Whether `shallowDerivatives` is made for the network of a model. */
export function isShallow({ network, layout }: LossModel): boolean {
  const { net, widths } = network.description;
  if (net !== "mlp" || !Array.isArray(widths) || widths.length !== 1) return false;
  return elementCount(network.inputShape) <= mostInputs || !hasFirstLayer(layout);
}

function hasFirstLayer({ entries }: ParameterLayout): boolean {
  return entries.some(({ name }) => name.startsWith("layers.0."));
}

/**
 * f(x) = V s(W x), with a 1 appended to x and to s where there are biases. Everything has the samples p on its last
 * axis. With B_m = V_m s', e = V' dL/df and the Hessian L of the loss in f, the second derivatives are
 *
 *     W W:  sum_p sum_mk B_m L_mk B_k (x) x x'  +  [same unit] e s'' x x'
 *     W V:  sum_p (B L)_m (x) x s'              +  [same unit] dL/df_m s' x
 *     V V:  sum_p L (x) s s'
 *
 * The first column is the Gauss-Newton matrix. Nothing is larger than [units, inputs, samples].
 */
export function shallowDerivatives(model: LossModel): ShallowDerivatives {
  const samples = appendedSamples(model);
  const forward = forwardPass(model, samples);
  const places = blockPlaces(model);
  return {
    feeds: samples.feeds,
    slopes: { loss: forward.loss, gradient: gradientOf(model, forward, samples) },
    blocks: (kind) => hessianBlocks(model, { kind, forward, samples, places }),
    assemble: (kind, read, into) => assemble({ kind, model, places, read, into }),
  };
}

/** The inputs with a 1 where there are biases: by rows [P, d], by columns [d, P], and their products [P, d d]. */
interface Samples {
  readonly rows: Value;
  readonly columns: Value;
  readonly products: Value;
  readonly feeds: Readonly<Record<string, Tensor>>;
}

function appendedSamples({ network, dataset, layout }: LossModel): Samples {
  const size = splitSize(dataset.train);
  const inputs = elementCount(network.inputShape);
  const width = inputs + (network.description.bias ? 1 : 0);
  const pairs = hasFirstLayer(layout) ? width * width : 0;
  const numbers = toNumbers(dataset.train.inputs);
  const at = (p: number, j: number) => (j < inputs ? (numbers[p * inputs + j] as number) : 1);
  const rows = zeros("float64", [size, width]);
  const columns = zeros("float64", [width, size]);
  const products = zeros("float64", [size, pairs]);
  for (let p = 0; p < size; p++) {
    for (let j = 0; j < width; j++) {
      rows.data[p * width + j] = at(p, j);
      columns.data[j * size + p] = at(p, j);
    }
    for (let pair = 0; pair < pairs; pair++) {
      products.data[p * pairs + pair] = at(p, Math.floor(pair / width)) * at(p, pair % width);
    }
  }
  return {
    rows: input("samples.rows", "float64", rows.shape),
    columns: input("samples.columns", "float64", columns.shape),
    products: input("samples.products", "float64", products.shape),
    feeds: {
      "samples.rows": rows,
      "samples.columns": columns,
      "samples.products": products,
      "data.targets": dataset.train.targets,
    },
  };
}

interface Forward {
  /** V without biases [outputs, units]. */
  readonly outgoing: Value;
  /** s, with a row of ones where there are biases [units + 1, P]. */
  readonly hidden: Value;
  /** s' and s'' [units, P]. */
  readonly slope: Value;
  readonly bend: Value;
  /** f [outputs, P], and the gradient of the loss in it. */
  readonly output: Value;
  readonly delta: Value;
  /** V' delta [units, P]. */
  readonly error: Value;
  readonly loss: Value;
}

function forwardPass({ network, dataset, parameters, targets }: LossModel, { rows }: Samples): Forward {
  const { activation, bias } = network.description;
  const layer = (name: string) => {
    const weight = parameters[`${name}.weight`] as Value;
    return bias ? concat([weight, (parameters[`${name}.bias`] as Value).reshape([-1, 1])], 1) : weight;
  };
  const z = layer("layers.0").matmul(rows.transpose());
  const s = activate(activation as Activation, z);
  const [slope] = grad(s.sum(), [z]) as [Value];
  const [bend] = grad(slope.sum(), [z]) as [Value];
  const hidden = bias ? concat([s, ones([1, z.shape[1] as number])], 0) : s;
  const output = layer("layers.1").matmul(hidden);
  const loss = lossOf(dataset, output.transpose(), targets);
  const [delta] = grad(loss, [output]) as [Value];
  const outgoing = parameters["layers.1.weight"] as Value;
  return { outgoing, hidden, slope, bend, output, delta, error: outgoing.transpose().matmul(delta), loss };
}

function ones(shape: readonly number[]): Value {
  return constant(fromNumbers("float64", new Array(elementCount(shape)).fill(1), shape));
}

function gradientOf({ layout, network }: LossModel, forward: Forward, { rows }: Samples): Value {
  const first = forward.error.mul(forward.slope).matmul(rows);
  const second = forward.delta.matmul(forward.hidden.transpose());
  const inputs = elementCount(network.inputShape);
  const units = forward.slope.shape[0] as number;
  const parts: Readonly<Record<string, Value>> = {
    "layers.0.weight": first.slice(1, 0, inputs),
    "layers.0.bias": first.slice(1, inputs),
    "layers.1.weight": second.slice(1, 0, units),
    "layers.1.bias": second.slice(1, units),
  };
  return joined(layout.entries.map(({ name }) => parts[name] as Value));
}

/** Where the elements of W and V, each with its column of biases, lie in the vector of parameters; -1 where fixed. */
interface Places {
  readonly units: number;
  readonly outputs: number;
  readonly first: Int32Array;
  readonly second: Int32Array;
  readonly hasFirst: boolean;
  readonly hasSecond: boolean;
}

function blockPlaces({ layout, network }: LossModel): Places {
  const { widths, bias } = network.description as unknown as {
    readonly widths: readonly [number];
    readonly bias: boolean;
  };
  const [units] = widths;
  const { outputs } = network;
  const starts = new Map(layout.entries.map(({ name, start }) => [name, start]));
  const placesOf = (name: string, rows: number, columns: number) => {
    const width = columns + (bias ? 1 : 0);
    return Int32Array.from({ length: rows * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      const start = starts.get(column < columns ? `${name}.weight` : `${name}.bias`);
      if (start === undefined) return -1;
      return start + (column < columns ? row * columns + column : row);
    });
  };
  const first = placesOf("layers.0", units, elementCount(network.inputShape));
  const second = placesOf("layers.1", outputs, units);
  const isFree = (place: number) => place >= 0;
  return { units, outputs, first, second, hasFirst: first.some(isFree), hasSecond: second.some(isFree) };
}

interface BlockOptions {
  readonly kind: HessianKind;
  readonly forward: Forward;
  readonly samples: Samples;
  readonly places: Places;
}

function hessianBlocks(model: LossModel, options: BlockOptions): Record<string, Value> {
  const { kind, forward, samples, places } = options;
  const { hasFirst, hasSecond, outputs, units } = places;
  const [d, P] = samples.columns.shape as [number, number];
  const each = Array.from({ length: outputs }, (_, m) => m);
  const overSamples = (value: Value) => value.matmul(forward.hidden.transpose());
  const blocks: Record<string, Value> = {};
  if (hasFirst) {
    const plain = each.map((m) =>
      forward.outgoing
        .slice(0, m, m + 1)
        .transpose()
        .mul(forward.slope),
    );
    const weighted = weightByLoss(model, plain, forward.output);
    const withInputs = (value: Value) =>
      value
        .reshape([units, 1, P])
        .mul(samples.columns.reshape([1, d, P]))
        .reshape([units * d, P]);
    const right = weighted.map(withInputs);
    const left = weighted === plain ? right : plain.map(withInputs);
    blocks["first first"] = sumOf(each.map((m) => (left[m] as Value).matmul((right[m] as Value).transpose())));
    if (hasSecond) blocks["first second"] = joined(right.map(overSamples));
    if (kind === "exact") {
      blocks.bend = forward.error.mul(forward.bend).matmul(samples.products);
      const slopes = each.map((m) =>
        forward.delta
          .slice(0, m, m + 1)
          .mul(forward.slope)
          .matmul(samples.rows),
      );
      if (hasSecond) blocks.cross = joined(slopes);
    }
  }
  if (hasSecond) {
    const pairs = outputPairs(model, forward.output);
    blocks["second second"] = joined(
      pairs.map((weight) => overSamples(weight ? weight.mul(forward.hidden) : forward.hidden)),
    );
  }
  return blocks;
}

function sumOf(values: readonly Value[]): Value {
  return values.reduce((sum, value) => sum.add(value));
}

/**
 * The Hessian of the loss in the outputs, applied to one row of values per output: 2 / (P outputs) for the mean squared
 * error, but for that factor; (diag(q) - q q') / P with the probabilities q for cross-entropy.
 */
function weightByLoss({ dataset }: LossModel, rows: readonly Value[], output: Value): readonly Value[] {
  if (dataset.task === "regression") return rows;
  const q = rowsOf(output.softmax(0));
  const mean = sumOf(rows.map((row, k) => row.mul(q[k] as Value)));
  return rows.map((row, m) => row.sub(mean).mul(q[m] as Value));
}

/** The elements m <= k of that Hessian, each [1, P]; one for all that are not zero where it is a multiple of one. */
function outputPairs({ dataset }: LossModel, output: Value): readonly (Value | null)[] {
  if (dataset.task === "regression") return [null];
  const q = rowsOf(output.softmax(0));
  return q.flatMap((a, m) => q.slice(m).map((b, k) => (k === 0 ? a.sub(a.square()) : a.mul(b).neg())));
}

function rowsOf(value: Value): Value[] {
  return Array.from({ length: value.shape[0] as number }, (_, m) => value.slice(0, m, m + 1));
}

interface Assembly {
  readonly kind: HessianKind;
  readonly model: LossModel;
  readonly places: Places;
  read(name: string): Float64Array;
  readonly into: Float64Array;
}

function assemble({ kind, model, places, read, into }: Assembly): void {
  const { units, outputs, first, second, hasFirst, hasSecond } = places;
  const isRegression = model.dataset.task === "regression";
  const size = splitSize(model.dataset.train);
  const factor = isRegression ? 2 / (size * outputs) : 1 / size;
  const n = model.layout.size;
  const d = first.length / units;
  const width = second.length / outputs;
  into.fill(0);
  const add = (row: number, column: number, value: number) => {
    if (row >= 0 && column >= 0) into[row * n + column] = (into[row * n + column] as number) + value;
  };
  const block = (rows: Int32Array, columns: Int32Array, values: Float64Array, isDiagonal: boolean) => {
    for (let r = 0, at = 0; r < rows.length; r++) {
      const row = rows[r] as number;
      for (let c = 0; c < columns.length; c++, at++) {
        const value = factor * (values[at] as number);
        add(row, columns[c] as number, value);
        if (!isDiagonal) add(columns[c] as number, row, value);
      }
    }
  };
  const outgoing = (m: number) => second.subarray(m * width, (m + 1) * width);
  if (hasFirst) block(first, first, read("first first"), true);
  if (hasFirst && hasSecond) {
    const values = read("first second");
    const step = first.length * width;
    for (let m = 0; m < outputs; m++) block(first, outgoing(m), values.subarray(m * step, (m + 1) * step), false);
  }
  if (hasSecond) {
    const values = read("second second");
    const step = width * width;
    for (let m = 0, pair = 0; m < outputs; m++) {
      for (let k = m; k < (isRegression ? m + 1 : outputs); k++) {
        const part = isRegression ? values : values.subarray(pair * step, ++pair * step);
        block(outgoing(m), outgoing(k), part, k === m);
      }
    }
  }
  if (kind === "exact" && hasFirst) {
    const bend = read("bend");
    for (let i = 0, at = 0; i < units; i++) {
      for (let j = 0; j < d; j++) {
        for (let q = 0; q < d; q++, at++)
          add(first[i * d + j] as number, first[i * d + q] as number, bend[at] as number);
      }
    }
  }
  if (kind === "exact" && hasFirst && hasSecond) {
    const cross = read("cross");
    for (let m = 0, at = 0; m < outputs; m++) {
      for (let i = 0; i < units; i++) {
        for (let j = 0; j < d; j++, at++) {
          const [row, column] = [first[i * d + j] as number, second[m * width + i] as number];
          add(row, column, cross[at] as number);
          add(column, row, cross[at] as number);
        }
      }
    }
  }
}
