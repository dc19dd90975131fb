import { type Dataset, splitSize } from "../../data/index.ts";
import { check } from "../../errors.ts";
import { adjoint, concat, constant, grad, hessianVectorProduct, input, type Value } from "../../graph/index.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { convert, elementCount, type Tensor } from "../../tensor/index.ts";
import { batchInputs, batchTargets, lossOf, sampleInputs } from "../samples.ts";
import type { ParameterLayout } from "./layout.ts";

/** The loss of a network on all of a data set, as a function of one vector of parameters. */
export interface LossModel {
  readonly network: Network;
  readonly dataset: Dataset;
  readonly layout: ParameterLayout;
  /** float64 [n]. */
  readonly point: Value<"Input">;
  /** Free and fixed parameters, by name. */
  readonly parameters: Readonly<Record<string, Value>>;
  readonly targets: Value;
}

/** The model of a network on a prepared data set (see `prepareDataset`). */
export function lossModel(
  network: Network,
  dataset: Dataset,
  { layout, fixed }: { readonly layout: ParameterLayout; readonly fixed: Parameters },
): LossModel {
  const point = input("point", "float64", [layout.size]);
  const held = Object.entries(fixed).map(([name, value]) => [name, constant(convert(value, "float64"))] as const);
  const targets = batchTargets(samplesOf(dataset), "float64");
  const parameters = { ...Object.fromEntries(held), ...partsOf(layout, point) };
  checkComplete(network, parameters);
  return { network, dataset, layout, point, parameters, targets };
}

function checkComplete(network: Network, parameters: Readonly<Record<string, Value>>): void {
  const missing = network.parameters.find(({ name }) => !Object.hasOwn(parameters, name));
  check(!missing, () => ({
    code: "bad-parameters",
    where: missing?.name ?? "",
    message: "expected a value for this tensor, which is not trained, got none",
    remedy: "pass it among the fixed parameters",
  }));
}

function samplesOf({ train }: Dataset) {
  return sampleInputs(train, splitSize(train));
}

/** The tensors of a vector. */
export function partsOf({ entries }: ParameterLayout, vector: Value): Readonly<Record<string, Value>> {
  return Object.fromEntries(
    entries.map(({ name, shape, start }) => [name, vector.slice(0, start, start + elementCount(shape)).reshape(shape)]),
  );
}

/** Tensors in the order of the layout as one vector. */
export function joined(parts: readonly Value[]): Value {
  return concat(
    parts.map((part) => part.reshape([elementCount(part.shape)])),
    0,
  );
}

/** The free parameters, in the order of the layout. */
function freeParameters({ layout, parameters }: LossModel): Value[] {
  return layout.entries.map(({ name }) => parameters[name] as Value);
}

/** The network's output for all samples, its loss, and the gradient as a vector. */
export function slopeGraph(model: LossModel): { output: Value; loss: Value; gradient: Value } {
  const { network, dataset, parameters, targets } = model;
  const { output } = network.apply(batchInputs(samplesOf(dataset), dataset, "float64"), parameters);
  const loss = lossOf(dataset, output, targets);
  return { output, loss, gradient: joined(grad(loss, freeParameters(model))) };
}

/** The product of the Hessian, or of its Gauss-Newton part, with a vector of parameters. */
export function productGraph(model: LossModel, direction: Value, kind: HessianKind): Value {
  const free = freeParameters(model);
  const along = model.layout.entries.map(({ name }) => partsOf(model.layout, direction)[name] as Value);
  const { output, loss } = slopeGraph(model);
  if (kind === "exact") return joined(hessianVectorProduct(loss, free, along));
  const moved = pushForward(output, free, along);
  return joined(adjoint([output], hessianVectorProduct(loss, [output], [moved]), free));
}

/** The whole Hessian, or J' L J with the Jacobian J of the outputs and the Hessian L of the loss in the outputs. */
export type HessianKind = "exact" | "gauss-newton";

/** The Jacobian applied to tangents: what pulls back is linear in the cotangent, and its derivative pushes forward. */
function pushForward(output: Value, wrt: readonly Value[], tangents: readonly Value[]): Value {
  const cotangent: Value = constant(zerosLike(output));
  const slopes = adjoint([output], [cotangent], wrt).map((part, i) => part.mul(tangents[i] as Value).sum());
  return grad(
    slopes.reduce((sum, each) => sum.add(each)),
    [cotangent],
  )[0] as Value;
}

function zerosLike({ shape }: Value): Tensor<"float64"> {
  return { dtype: "float64", shape, data: new Float64Array(elementCount(shape)) };
}
