import { type Dataset, splitSize } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import { concat, grad, input, type Value } from "../../graph/index.ts";
import type { Model } from "../../nets/index.ts";
import { elementCount, type Tensor } from "../../tensor/index.ts";
import { batchInputs, batchTargets, checkFit, layoutOf, lossOf, sampleInputs, splitFeeds } from "../../train/index.ts";
import { checkSmooth } from "../curvature/index.ts";
import { type HiddenLayer, inFloat64 } from "../expansion/index.ts";
import { byUnits, denseLayer } from "./dense-layer.ts";

/**
 * What the loss gains to second order where a unit is doubled and its copies part. With shares g and 1 - g of the outgoing
 * weights a, incoming weights w + (1 - g) p and w - g p, and q added to the outgoing weights of the first and taken from
 * those of the second, it changes by q' C p + g (1 - g) / 2 p' B p, where
 *
 *     B = E[(a . delta) s''(z) x x']   (Fukumizu and Amari 2000)
 *     C = E[delta s'(z) x']            (column m of its transpose is c_m)
 *
 * x has a 1 appended where there is a bias, and delta is the gradient of the loss in what the next layer sums up.
 */
export interface DuplicationForm {
  /** Incoming weights, with the bias: the size d of x. */
  readonly inputs: number;
  /** Outgoing weights: the size n of delta. */
  readonly outputs: number;
  /** [d, d] */
  readonly b: Float64Array;
  /** [n, d] */
  readonly c: Float64Array;
}

/** B and C of every unit of a layer, on the train split. */
export async function duplicationForms(
  { network, parameters }: Model,
  dataset: Dataset,
  { layer, engine }: { readonly layer: HiddenLayer; readonly engine: Engine },
): Promise<readonly DuplicationForm[]> {
  checkFit(network, dataset);
  checkSmooth(network, layoutOf(network), {
    where: network.description.net,
    remedy: "take a smooth activation, such as tanh, sigmoid or softplus",
  });
  const weights = inFloat64(parameters);
  const values = Object.fromEntries(
    Object.entries(weights).map(([name, { shape }]) => [name, input(name, "float64", shape)]),
  );
  const samples = sampleInputs(dataset.train, splitSize(dataset.train));
  const { output } = network.apply(batchInputs(samples, dataset, "float64"), values);
  const { inputs, before, after, next } = denseLayer(output, layer);
  checkSize(layer, inputs);
  const loss = lossOf(dataset, output, batchTargets(samples, "float64"));
  const delta = concat(grad(loss, next).map(byUnits), 1);
  const [error] = grad(loss, [after]) as [Value];
  const [slope] = grad(after.sum(), [before]) as [Value];
  const [bend] = grad(slope.sum(), [before]) as [Value];
  const c = weighted(byUnits(slope), inputs).matmul(delta);
  const b = weighted(byUnits(error.mul(bend)), inputs).matmul(inputs);
  await using program = await engine.compile({ b, c });
  const found = await program.run({ ...weights, ...splitFeeds(dataset.train) });
  const [d, n] = [inputs.shape[1] as number, delta.shape[1] as number];
  return Array.from({ length: layer.size }, (_, unit) => ({
    inputs: d,
    outputs: n,
    b: partOf(found.b as Tensor, unit, layer.size),
    c: transposed(partOf(found.c as Tensor, unit, layer.size), d, n),
  }));
}

/** Most entries of the largest intermediate result: 2 GiB. */
const mostEntries = 2 ** 28;

function checkSize({ name, size }: HiddenLayer, { shape }: Value): void {
  const [samples, inputs] = shape as readonly [number, number];
  check(size * samples * inputs <= mostEntries, () => ({
    code: "too-large",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected units, inputs and samples with a product of at most ${mostEntries}, got ${size} x ${inputs} x ${samples}`,
    remedy: "take fewer samples",
  }));
}

/** The inputs times a number per unit and sample: [units d, P]. */
function weighted(factors: Value, inputs: Value): Value {
  const [samples, units] = factors.shape as readonly [number, number];
  const size = inputs.shape[1] as number;
  const products = factors
    .transpose()
    .reshape([units, 1, samples])
    .mul(inputs.transpose().reshape([1, size, samples]));
  return products.reshape([units * size, samples]);
}

function partOf({ data, shape }: Tensor, part: number, parts: number): Float64Array {
  const size = elementCount(shape) / parts;
  return (data as Float64Array).slice(part * size, (part + 1) * size);
}

function transposed(matrix: Float64Array, rows: number, columns: number): Float64Array {
  return Float64Array.from(matrix, (_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)] as number);
}
