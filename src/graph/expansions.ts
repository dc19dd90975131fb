import type { Operator } from "./operators.ts";
import { rewrite, topologicalOrder, withOperands } from "./order.ts";
import { apply, type Value } from "./value.ts";

type Expansion<O extends Operator> = (value: Value<O>) => Value;

/** Operators that are defined by others: their derivative, their batched form and their oracle come from here. */
export const expansions = {
  Gelu: ({ operands: [x], attributes }) => {
    const z = x as Value;
    if (attributes.approximate === "none") return z.mul(z.mul(Math.SQRT1_2).erf().add(1)).mul(0.5);
    const inner = z.add(z.mul(z).mul(z).mul(0.044715)).mul(Math.sqrt(2 / Math.PI));
    return z.mul(inner.tanh().add(1)).mul(0.5);
  },
  HardSigmoid: ({ operands: [x], attributes: { alpha, beta } }) =>
    (x as Value).mul(alpha).add(beta).maximum(0).minimum(1),
  BatchNormalization: ({ operands, attributes }) => {
    const [x, scale, bias, mean, variance] = operands as [Value, Value, Value, Value, Value];
    const perChannel = (value: Value) => value.reshape([-1, ...x.shape.slice(2).map(() => 1)]);
    const factor = scale.div(variance.add(attributes.epsilon).sqrt());
    return x.sub(perChannel(mean)).mul(perChannel(factor)).add(perChannel(bias));
  },
  LayerNormalization: ({ operands, attributes: { axis, epsilon } }) => {
    const [x, scale, bias] = operands as [Value, Value, Value?];
    const axes = axesFrom(axis, x.rank);
    const centred = x.sub(x.mean(axes, { keepDims: true }));
    const variance = centred.square().mean(axes, { keepDims: true });
    const scaled = centred.div(variance.add(epsilon).sqrt()).mul(scale);
    return bias ? scaled.add(bias) : scaled;
  },
  RMSNormalization: ({ operands, attributes: { axis, epsilon } }) => {
    const [x, scale] = operands as [Value, Value];
    const power = x.square().mean(axesFrom(axis, x.rank), { keepDims: true });
    return x.div(power.add(epsilon).sqrt()).mul(scale);
  },
  FusedMatMul: ({ operands, attributes: { transA, transB, alpha } }) => {
    const [a, b] = operands as [Value, Value];
    const product = swapLastAxes(a, transA).matmul(swapLastAxes(b, transB));
    return alpha === 1 ? product : product.mul(alpha);
  },
  Gemm: ({ operands, attributes: { transA, transB, alpha, beta } }) => {
    const [a, b, c] = operands as [Value, Value, Value?];
    const product = apply("FusedMatMul", [a, b], { transA, transB, alpha });
    return c ? product.add(beta === 1 ? c : c.mul(beta)) : product;
  },
} as const satisfies { readonly [O in Operator]?: Expansion<O> };

export type DefinedOperator = keyof typeof expansions;
/** Operators that are not defined by others. */
export type Elementary = Exclude<Operator, DefinedOperator>;

/** The value in terms of more elementary operators, or the value itself where it is elementary. */
export function expand(value: Value): Value {
  const expansion = (expansions as Partial<Record<Operator, Expansion<Operator>>>)[value.op];
  return expansion ? expansion(value) : value;
}

/** The graph with every operator that is defined by others replaced by its definition. */
export function expandDefinitions(outputs: readonly Value[]): Value[] {
  const hasDefinition = (value: Value) => value.op in expansions;
  let expanded = [...outputs];
  // Once more where a definition uses another defined operator.
  while (topologicalOrder(expanded).some(hasDefinition)) {
    expanded = rewrite(expanded, (value, operands) => expand(withOperands(value, operands)));
  }
  return expanded;
}

/** Swaps the two last axes. */
export function swapLastAxes(value: Value, swapped = true): Value {
  if (!swapped) return value;
  const perm = value.shape.map((_, i) => i);
  const last = perm.length - 1;
  return value.transpose([...perm.slice(0, -2), last, last - 1]);
}

function axesFrom(axis: number, rank: number): number[] {
  return Array.from({ length: rank - axis }, (_, i) => axis + i);
}
