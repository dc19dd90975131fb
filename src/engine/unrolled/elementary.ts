import { roundingShift, type Scalar, type ScalarBuilder } from "./scalar.ts";

/** Expressions over a builder, which read like formulas. */
export interface Formulas {
  add(...terms: readonly Term[]): Scalar;
  sub(a: Term, b: Term): Scalar;
  mul(...factors: readonly Term[]): Scalar;
  div(a: Term, b: Term): Scalar;
  /** coefficients[0] + x (coefficients[1] + x (...)). */
  polynomial(x: Scalar, coefficients: readonly number[]): Scalar;
  where(condition: Scalar, a: Term, b: Term): Scalar;
}
type Term = Scalar | number;

export function formulas({ constant, apply }: ScalarBuilder): Formulas {
  const scalar = (term: Term) => (typeof term === "number" ? constant(term) : term);
  const f: Formulas = {
    add: (...terms) => terms.map(scalar).reduce((sum, term) => apply("add", sum, term)),
    sub: (a, b) => apply("sub", scalar(a), scalar(b)),
    mul: (...factors) => factors.map(scalar).reduce((product, factor) => apply("mul", product, factor)),
    div: (a, b) => apply("div", scalar(a), scalar(b)),
    polynomial: (x, coefficients) =>
      coefficients
        .toReversed()
        .map((coefficient) => constant(coefficient) as Scalar)
        .reduce((sum, coefficient) => f.add(f.mul(sum, x), coefficient)),
    where: (condition, a, b) => apply("select", condition, scalar(a), scalar(b)),
  };
  return f;
}

/** e^x = 2^k (q + p) / (q - p): the approximation of Cephes (Moshier 1989), with errors below one unit of the last place. */
const exponentialP = [1, 0.030299440770744195, 0.00012617719307481058];
const exponentialQ = [2, 0.22726554820815503, 0.002524483403496841, 0.0000030019850513866446];
/** log 2 in two parts, the first of few digits. */
const [log2High, log2Low] = [0.693145751953125, 0.0000014286068203094173];

/** Between these bounds e^x is a normal number, or overflows. */
const [lowestExponent, highestExponent] = [-707.7, 709.79];

/** e^x = 2^k (q + p) / (q - p). */
interface Exponential {
  /** `roundingShift` + k. */
  readonly shifted: Scalar;
  readonly p: Scalar;
  readonly q: Scalar;
}

/** Of `sign` x, for `sign` 1 or -1. */
function exponential(builder: ScalarBuilder, x: Scalar, sign = 1): Exponential {
  const { add, sub, mul, polynomial } = formulas(builder);
  const shifted = add(mul(x, sign * Math.LOG2E), roundingShift);
  const k = sub(shifted, roundingShift);
  const r = sub(sub(x, mul(k, sign * log2High)), mul(k, sign * log2Low));
  const square = mul(r, r);
  const p = mul(
    r,
    polynomial(
      square,
      exponentialP.map((coefficient) => sign * coefficient),
    ),
  );
  return { shifted, p, q: polynomial(square, exponentialQ) };
}

function clamped({ constant, apply }: ScalarBuilder, x: Scalar, low: number, high: number): Scalar {
  return apply("lower", apply("raise", x, constant(low)), constant(high));
}

export function exp(builder: ScalarBuilder, x: Scalar): Scalar {
  const { add, sub, mul, div, where } = formulas(builder);
  const { shifted, p, q } = exponential(builder, clamped(builder, x, lowestExponent, highestExponent));
  // Half the power, and then twice: e^709.7 is a number, 2^1024 is none.
  const half = builder.apply("power", sub(shifted, 1));
  const power = mul(div(add(q, p), sub(q, p)), half, 2);
  return where(builder.apply("less", x, builder.constant(lowestExponent)), 0, power);
}

/** 1 / (1 + e^-x) with a single division. */
export function sigmoid(builder: ScalarBuilder, x: Scalar): Scalar {
  const { add, sub, mul, div } = formulas(builder);
  // Beyond the lower bound the power is infinite.
  const { shifted, p, q } = exponential(builder, clamped(builder, x, -710, 700), -1);
  const below = sub(q, p);
  return div(below, add(below, mul(builder.apply("power", shifted), add(q, p))));
}

/** (e^2x - 1) / (e^2x + 1), without cancellation where x is small. */
export function tanh(builder: ScalarBuilder, x: Scalar): Scalar {
  const { add, sub, mul, div } = formulas(builder);
  const { shifted, p, q } = exponential(builder, clamped(builder, add(x, x), -40, 40));
  const scale = builder.apply("power", shifted);
  const above = add(q, p);
  return div(add(mul(sub(scale, 1), above), add(p, p)), add(mul(scale, above), sub(q, p)));
}

/** log(1 + f) = f - f^2 / 2 + s (f^2 / 2 + R(s^2)) with s = f / (2 + f): the approximation of Sun's fdlibm. */
const logarithmR = [
  0.6666666666666735, 0.3999999999940942, 0.2857142874366239, 0.22222198432149784, 0.1818357216161805,
  0.15313837699209373, 0.14798198605116586,
];
const [logHigh, logLow] = [0.6931471803691238, 1.9082149292705877e-10];
const smallestNormal = 2 ** -1022;

/** Of normal positive numbers. */
function plainLog(builder: ScalarBuilder, x: Scalar): Scalar {
  const { add, sub, mul, div, polynomial, where } = formulas(builder);
  const mantissa = builder.apply("mantissa", x);
  const isLarge = builder.apply("less", builder.constant(Math.SQRT2), mantissa);
  const exponent = add(builder.apply("exponent", x), isLarge);
  const f = sub(where(isLarge, mul(mantissa, 0.5), mantissa), 1);
  const s = div(f, add(f, 2));
  const square = mul(s, s);
  const half = mul(0.5, f, f);
  const rest = add(mul(s, add(half, mul(square, polynomial(square, logarithmR)))), mul(exponent, logLow));
  return sub(mul(exponent, logHigh), sub(sub(half, rest), f));
}

export function log(builder: ScalarBuilder, x: Scalar): Scalar {
  const { add, mul, where } = formulas(builder);
  const { apply, constant } = builder;
  const isTiny = apply("less", x, constant(smallestNormal));
  const normal = where(isTiny, mul(x, 2 ** 54), x);
  const finite = add(plainLog(builder, normal), where(isTiny, -54 * Math.LN2, 0));
  const positive = where(apply("equal", x, constant(Number.POSITIVE_INFINITY)), x, finite);
  const others = where(apply("equal", x, constant(0)), Number.NEGATIVE_INFINITY, Number.NaN);
  return where(apply("less", constant(0), x), positive, others);
}

/** log(1 + e^x). */
export function softplus(builder: ScalarBuilder, x: Scalar): Scalar {
  const { add, sub, div } = formulas(builder);
  const small = exp(builder, builder.apply("neg", builder.apply("abs", x)));
  const sum = add(1, small);
  const lost = div(sub(small, sub(sum, 1)), sum);
  return add(builder.apply("raise", x, builder.constant(0)), plainLog(builder, sum), lost);
}
