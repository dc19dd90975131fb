import { check, InputError } from "../errors.ts";
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
  return pullThrough(topologicalOrder(outputs), outputs, cotangents, wrt);
}

/** Reverse mode over the values in `order`, operands first. */
function pullThrough(
  order: readonly Value[],
  outputs: readonly Value[],
  cotangents: readonly Value[],
  wrt: readonly Value[],
): Value[] {
  const active = dependents(order, new Set(wrt));
  const gradients = new Map<Value, Value>();
  const accumulate = (value: Value, g: Value) => {
    const sum = gradients.get(value);
    gradients.set(value, sum ? sum.add(g) : g);
  };
  for (const [i, output] of outputs.entries()) accumulate(output, cotangents[i] as Value);
  for (const value of order.toReversed()) {
    const g = gradients.get(value);
    if (!g || !active.has(value)) continue;
    const contributions = pullBack(value, g);
    for (const [i, operand] of value.operands.entries()) {
      const contribution = contributions[i];
      if (contribution && active.has(operand)) accumulate(operand, contribution);
    }
  }
  return wrt.map((value) => gradients.get(value) ?? fill(0, value.dtype, value.shape));
}

/** The floating-point values that vary with `sources`. */
function dependents(order: readonly Value[], sources: ReadonlySet<Value>): Set<Value> {
  const active = new Set<Value>();
  for (const value of order) {
    const varies = sources.has(value) || value.operands.some((operand) => active.has(operand));
    if (varies && isFloat(value.dtype)) active.add(value);
  }
  return active;
}

function pullBack(value: Value, g: Value): readonly (Value | null)[] {
  if (value.op in expansions) {
    const expanded = [expand(value)];
    return pullThrough(topologicalOrder(expanded, new Set(value.operands)), expanded, [g], value.operands);
  }
  const rule = gradientRules[value.op as Elementary] as GradientRule<Operator>;
  return rule ? rule(value, g) : [];
}

/** The product of the Hessian of a scalar in `wrt` with the vectors `direction`. */
export function hessianVectorProduct(output: Value, wrt: readonly Value[], direction: readonly Value[]): Value[] {
  const [head, ...rest] = grad(output, wrt).map((g, i) => g.mul(direction[i] as Value).sum());
  if (!head)
    throw new InputError({ code: "no-variables", where: "hessianVectorProduct", message: "expected variables" });
  return grad(
    rest.reduce((sum, term) => sum.add(term), head),
    wrt,
  );
}
