import type { Operator, Value } from "../../graph/index.ts";
import { elementCount, isFloat, type Shape, sameShape, stridesOf } from "../../tensor/index.ts";
import type { Elements, Kernel } from "./kernels.ts";

function map(f: (x: number) => number): Kernel<Operator> {
  return (_, [x]) => (x as Elements).map(f);
}

/** Error function by its all-positive series: erf x = 2/sqrt(pi) exp(-x^2) sum_n 2^n x^(2n+1) / (2n+1)!!. */
export function erf(x: number): number {
  if (Math.abs(x) > 6) return Math.sign(x);
  let term = x;
  let sum = x;
  for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(sum); n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return (2 / Math.sqrt(Math.PI)) * Math.exp(-x * x) * sum;
}

function sigmoid(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

/** For each element of a broadcast result, the index of the operand's element. */
export function broadcastIndices(from: Shape, to: Shape): (flat: number) => number {
  const extra = to.length - from.length;
  const strides = stridesOf(from).map((stride, axis) => (from[axis] === 1 ? 0 : stride));
  const resultStrides = stridesOf(to);
  return (flat) => {
    let index = 0;
    for (let axis = extra; axis < to.length; axis++) {
      const coordinate = Math.floor(flat / (resultStrides[axis] as number)) % (to[axis] as number);
      index += coordinate * (strides[axis - extra] as number);
    }
    return index;
  };
}

function broadcasting(f: (a: number, b: number, c: number) => number): Kernel<Operator> {
  return (value, operands) => {
    const [x, y, z] = operands.map((data, k) => broadcast(data, (value.operands[k] as Value).shape, value.shape));
    return (x as Elements).map((a, i) => f(a, y?.[i] as number, z?.[i] as number));
  };
}

/** The elements of an operand, repeated to the shape of the result. */
export function broadcast(data: Elements, from: Shape, to: Shape): Elements {
  if (sameShape(from, to)) return data;
  if (data.length === 1) return new Float64Array(elementCount(to)).fill(data[0] as number);
  const index = broadcastIndices(from, to);
  return new Float64Array(elementCount(to)).map((_, i) => data[index(i)] as number);
}

function toNumber(f: (a: number, b: number) => boolean): Kernel<Operator> {
  return broadcasting((a, b) => (f(a, b) ? 1 : 0));
}

function cast(value: Value<"Cast">, [x]: readonly Elements[]): Elements {
  const { to } = value.attributes;
  if (isFloat(to)) return x as Elements;
  return (x as Elements).map(to === "bool" ? (element) => (element !== 0 ? 1 : 0) : Math.trunc);
}

export const elementwise = {
  Neg: map((x) => -x),
  Abs: map(Math.abs),
  Sign: map(Math.sign),
  Exp: map(Math.exp),
  Log: map(Math.log),
  Sqrt: map(Math.sqrt),
  Reciprocal: map((x) => 1 / x),
  Sin: map(Math.sin),
  Cos: map(Math.cos),
  Relu: map((x) => Math.max(x, 0)),
  LeakyRelu: (value: Value<"LeakyRelu">, [x]: readonly Elements[]) =>
    (x as Elements).map((element) => (element >= 0 ? element : element * value.attributes.alpha)),
  Sigmoid: map(sigmoid),
  Tanh: map(Math.tanh),
  Erf: map(erf),
  Softplus: map(softplus),
  Not: map((x) => (x ? 0 : 1)),
  Cast: cast,
  Add: broadcasting((a, b) => a + b),
  Sub: broadcasting((a, b) => a - b),
  Mul: broadcasting((a, b) => a * b),
  Div: (value: Value<"Div">, operands: readonly Elements[]) => {
    const divide = isFloat(value.dtype) ? (a: number, b: number) => a / b : (a: number, b: number) => Math.trunc(a / b);
    return broadcasting(divide)(value, operands);
  },
  Pow: broadcasting((a, b) => a ** b),
  Max: broadcasting((a, b) => Math.max(a, b)),
  Min: broadcasting((a, b) => Math.min(a, b)),
  Equal: toNumber((a, b) => a === b),
  Less: toNumber((a, b) => a < b),
  LessOrEqual: toNumber((a, b) => a <= b),
  Greater: toNumber((a, b) => a > b),
  GreaterOrEqual: toNumber((a, b) => a >= b),
  And: toNumber((a, b) => Boolean(a && b)),
  Or: toNumber((a, b) => Boolean(a || b)),
  Where: broadcasting((condition, a, b) => (condition ? a : b)),
  Surrogate: (_: Value<"Surrogate">, [hard]: readonly Elements[]) => hard as Elements,
};
