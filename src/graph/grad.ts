import { check } from "../errors.ts";
import { formatShape, isFloat } from "../tensor/index.ts";
import { type Elementary, expand, expansions } from "./expansions.ts";
import { type GradientRule, gradientRules } from "./gradients.ts";
import type { Operator } from "./operators.ts";
import { topologicalOrder } from "./order.ts";
import { fill, scalar, type Value } from "./value.ts";

/**
 * The gradients of a scalar in the values `wrt`, as further nodes of the same graph (reverse mode). A gradient is an
 * ordinary value, so `grad` of it gives second derivatives.
 */
export function grad(output: Value, wrt: readonly Value[]): Value[] {
  check(output.rank === 0 && isFloat(output.dtype), () => ({
    code: "not-scalar",
    where: "grad",
    message: `expected a scalar to differentiate, got ${output.dtype} ${formatShape(output.shape)}`,
    remedy: "reduce it with sum() or mean()",
  }));
  return adjoint([output], [scalar(1, output.dtype)], wrt);
}

/** The transposed Jacobian of `outputs` in `wrt` applied to `cotangents`: one gradient per element of `wrt`. */
export function adjoint(outputs: readonly Value[], cotangents: readonly Value[], wrt: readonly Value[]): Value[] {
  checkLike("adjoint", outputs, cotangents);
  return pullThrough(topologicalOrder(outputs), outputs, cotangents, wrt);
}

/** Reverse mode over the values in `order`, operands first. */
function pullThrough(
  order: readonly Value[],
  outputs: readonly Value[],
  cotangents: readonly Value[],
  wrt: readonly Value[],
): Value[] {
  const active = dependents(order, wrt);
  const gradients = new Map<Value, Value>();
  const accumulate = (value: Value, g: Value) => {
    const sum = gradients.get(value);
    gradients.set(value, sum ? sum.add(g) : g);
  };
  for (const [i, output] of outputs.entries()) accumulate(output, cotangents[i] as Value);
  for (const value of order.toReversed()) {
    const g = gradients.get(value);
    if (!g || !active.has(value)) continue;
    for (const [operand, contribution] of pullBack(value, g)) {
      if (contribution && active.has(operand)) accumulate(operand, contribution);
    }
  }
  return wrt.map((value) => gradients.get(value) ?? fill(0, value.dtype, value.shape));
}

/** The floating-point values among `sources` and those in `order` that vary with them. */
function dependents(order: readonly Value[], sources: readonly Value[]): Set<Value> {
  const active = new Set(sources.filter(({ dtype }) => isFloat(dtype)));
  for (const value of order) {
    if (isFloat(value.dtype) && value.operands.some((operand) => active.has(operand))) active.add(value);
  }
  return active;
}

/** What the gradient of a value adds to those of its operands; an operand may occur twice. */
function pullBack(value: Value, g: Value): [Value, Value | null | undefined][] {
  if (value.op in expansions) {
    const leaves = new Set(value.operands);
    const expanded = [expand(value)];
    // Operands may depend on one another; how is not this value's concern.
    const order = topologicalOrder(expanded, leaves).filter((inner) => !leaves.has(inner));
    const gradients = pullThrough(order, expanded, [g], [...leaves]);
    return [...leaves].map((operand, i) => [operand, gradients[i]]);
  }
  const rule = gradientRules[value.op as Elementary] as GradientRule<Operator>;
  const gradients = rule ? rule(value, g) : [];
  return value.operands.map((operand, i) => [operand, gradients[i]]);
}

/** The product of the Hessian of a scalar in `wrt` with the vectors `direction`. */
export function hessianVectorProduct(output: Value, wrt: readonly Value[], direction: readonly Value[]): Value[] {
  checkLike("hessianVectorProduct", wrt, direction);
  const slopes = grad(output, wrt).map((g, i) => g.mul(direction[i] as Value).sum());
  if (slopes.length === 0) return [];
  const slope = slopes.reduce((sum, each) => sum.add(each));
  return grad(slope, wrt);
}

/** Throws unless there is one value for each of `expected`, of its element type and shape. */
function checkLike(where: string, expected: readonly Value[], got: readonly Value[]): void {
  const format = (values: readonly Value[]) => values.map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`);
  check(format(expected).join() === format(got).join(), () => ({
    code: "bad-operands",
    where,
    message: `expected ${format(expected).join(" and ")}, got ${format(got).join(" and ") || "nothing"}`,
  }));
}
