export { ensemble } from "./ensemble.ts";
export { type DefinedOperator, type Elementary, expand, expandDefinitions, swapLastAxes } from "./expansions.ts";
export { adjoint, grad, hessianVectorProduct } from "./grad.ts";
export { sumTo } from "./gradients.ts";
export { infer } from "./infer.ts";
export { type LoopPlan, planLoop } from "./loop.ts";
export {
  binaryCrossEntropy,
  crossEntropy,
  meanSquaredError,
  oneHot,
  stopGradient,
  straightThroughSign,
  surrogate,
} from "./losses.ts";
export { refuseOpaque } from "./opaque.ts";
export type { TypedShape } from "./operand-checks.ts";
export {
  type AveragePoolAttributes,
  arithmeticOperators,
  type ConvAttributes,
  comparisonOperators,
  elementwiseOperators,
  type Operator,
  type OperatorAttributes,
  type PoolAttributes,
  unaryOperators,
  type Window,
} from "./operators.ts";
export { inputsOf, rewrite, substitute, topologicalOrder, withOperands } from "./order.ts";
export { simplify } from "./simplify.ts";
export { apply, concat, constant, fill, input, type Operand, range, scalar, Value, where } from "./value.ts";
export { averagePool, conv, globalAveragePool, maxPool, type WindowOptions } from "./windows.ts";
