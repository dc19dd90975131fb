import { topologicalOrder, type Value } from "../../graph/index.ts";
import { sameShape } from "../../tensor/index.ts";

/** A layer whose every unit has weights and a bias of its own: any affine map of its outputs is one of its parameters. */
export interface BiasedLayer {
  readonly weight: string;
  /** The axis of the weight that its units index. */
  readonly axis: number;
  readonly bias: string;
  readonly output: Value;
  /** The axis of the output that its units index. */
  readonly unitAxis: number;
}

/** The layers that `output` is computed from, itself not among them, whose parameters no other layer has; in order. */
export function biasedLayers(output: Value, parameters: ReadonlySet<Value>): readonly BiasedLayer[] {
  const order = topologicalOrder([output]);
  const uses = new Map<Value, number>();
  for (const operand of order.flatMap(({ operands }) => operands)) uses.set(operand, (uses.get(operand) ?? 0) + 1);
  const isOwn = (value: Value | undefined): value is Value<"Input"> =>
    value !== undefined && parameters.has(value) && uses.get(value) === 1;
  return order.flatMap((value) => {
    const layer = value === output ? null : layerAt(value);
    const bias = layer?.bias;
    if (!layer || !isOwn(bias) || !sameShape(bias.shape, [value.shape[layer.unitAxis] as number])) return [];
    const { weight, axis } = behindTransposition(layer.weight, layer.axis);
    if (!isOwn(weight) || uses.get(layer.weight) !== 1) return [];
    const names = { weight: weight.attributes.name, bias: bias.attributes.name };
    return [{ ...names, axis, output: value, unitAxis: layer.unitAxis }];
  });
}

interface Candidate {
  readonly weight: Value;
  readonly axis: number;
  readonly bias: Value | undefined;
  readonly unitAxis: number;
}

function layerAt(value: Value): Candidate | null {
  const last = value.rank - 1;
  const [x, weight, bias] = value.operands;
  if (value.op === "Conv") return { weight: weight as Value, axis: 0, bias, unitAxis: 1 };
  if (value.op === "Gemm") {
    const { transB, beta } = (value as Value<"Gemm">).attributes;
    return beta === 1 ? { weight: weight as Value, axis: transB ? 0 : 1, bias, unitAxis: last } : null;
  }
  if (value.op !== "Add") return null;
  const product = value.operands.find(({ op }) => op === "MatMul");
  const matrix = product?.operands[1];
  if (matrix?.rank !== 2 || !sameShape(product?.shape ?? [], value.shape)) return null;
  return { weight: matrix, axis: 1, bias: product === x ? weight : x, unitAxis: last };
}

/** The tensor that a transposition reads, and the axis there. */
function behindTransposition(value: Value, axis: number): { readonly weight: Value; readonly axis: number } {
  if (value.op !== "Transpose") return { weight: value, axis };
  const { perm } = (value as Value<"Transpose">).attributes;
  return { weight: value.operands[0] as Value, axis: perm[axis] as number };
}
