/**
 * What a scalar depends on: nothing that differs between samples, one sample, or sums over all samples. "mixed" is what
 * would need the sums before the samples can be gone through.
 */
export type Stage = "shared" | "sample" | "total" | "mixed";

/** How numbers are computed from numbers. Comparisons give 1 or 0, and `select` takes the second where the first is not 0. */
const arithmetic = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  /** The second where it is greater, else the first, which may be NaN. */
  raise: (a, b) => Math.max(a, b),
  lower: (a, b) => Math.min(a, b),
  neg: (a) => -a,
  abs: (a) => Math.abs(a),
  sqrt: (a) => Math.sqrt(a),
  equal: (a, b) => (a === b ? 1 : 0),
  less: (a, b) => (a < b ? 1 : 0),
  lessOrEqual: (a, b) => (a <= b ? 1 : 0),
  select: (condition, a, b) => (condition !== 0 ? a : b),
} satisfies Readonly<Record<string, (a: number, b: number, c: number) => number>>;

/** Operators on the bits of a float64. */
export type BitOperator =
  /** 2^k for the whole number k, from -1022 to 1024, that was added to `roundingShift`; the last is infinite. */
  | "power"
  /** e and m of m 2^e with 1 <= m < 2, for normal positive numbers. */
  | "exponent"
  | "mantissa";

export type Arithmetic = keyof typeof arithmetic;

/** Adding it rounds to a whole number, which is then in the last bits. */
export const roundingShift = 1.5 * 2 ** 52;

/** One number of a computation that is done for every sample. */
export interface Scalar {
  /** "parameter" and "column" are the number, or numbers of all samples, at place `value`; "total" sums over the samples. */
  readonly op: Arithmetic | BitOperator | "constant" | "parameter" | "column" | "total";
  readonly operands: readonly Scalar[];
  /** Of a constant, or the place of a parameter or column. */
  readonly value: number;
  readonly stage: Stage;
}

/** Builds scalars, each only once, with what can be computed beforehand already computed. */
export interface ScalarBuilder {
  constant(value: number): Scalar;
  parameter(place: number): Scalar;
  column(place: number): Scalar;
  apply(op: Arithmetic | BitOperator, ...operands: readonly Scalar[]): Scalar;
  total(value: Scalar): Scalar;
}

export function scalarBuilder(samples: number): ScalarBuilder {
  const made = new Map<string, Scalar>();
  const numbers = new Map<Scalar, number>();
  const make = (op: Scalar["op"], operands: readonly Scalar[], value: number, stage: Stage): Scalar => {
    const names = operands.map((each) => numbers.get(each) as number);
    if (commutative.has(op)) names.sort((a, b) => a - b);
    const key = `${op} ${Object.is(value, -0) ? "-0" : value} ${names.join(" ")}`;
    const known = made.get(key);
    if (known) return known;
    const scalar = { op, operands, value, stage };
    made.set(key, scalar);
    numbers.set(scalar, numbers.size);
    return scalar;
  };
  const constant = (value: number) => make("constant", [], value, "shared");
  const apply: ScalarBuilder["apply"] = (op, ...operands) => {
    if (op in arithmetic && operands.every(isConstant)) {
      const [a, b, c] = operands.map(({ value }) => value) as [number, number, number];
      return constant(arithmetic[op as Arithmetic](a, b, c));
    }
    const simpler = simplified(op, operands);
    if (typeof simpler === "number") return constant(simpler);
    return simpler ?? make(op, operands, 0, operands.map(({ stage }) => stage).reduce(jointStage));
  };
  return {
    constant,
    parameter: (place) => make("parameter", [], place, "shared"),
    column: (place) => make("column", [], place, "sample"),
    apply,
    total: (value) =>
      value.stage === "sample" || value.stage === "mixed"
        ? make("total", [value], 0, value.stage === "sample" ? "total" : "mixed")
        : apply("mul", value, constant(samples)),
  };
}

const commutative: ReadonlySet<Scalar["op"]> = new Set(["add", "mul", "max", "min", "equal"] as const);

function isConstant({ op }: Scalar): boolean {
  return op === "constant";
}

function jointStage(a: Stage, b: Stage): Stage {
  if (a === b || b === "shared") return a;
  return a === "shared" ? b : "mixed";
}

/** A product with the constant 0 is 0, whatever else it holds: such constants stand for what is not there. */
function simplified(op: Scalar["op"], [a, b]: readonly Scalar[]): Scalar | number | null {
  const is = (scalar: Scalar | undefined, value: number) => scalar?.op === "constant" && scalar.value === value;
  if (op === "add") return is(a, 0) ? (b as Scalar) : is(b, 0) ? (a as Scalar) : null;
  if (op === "sub") return is(b, 0) ? (a as Scalar) : null;
  if (op === "mul") {
    if (is(a, 0) || is(b, 0)) return 0;
    return is(a, 1) ? (b as Scalar) : is(b, 1) ? (a as Scalar) : null;
  }
  if (op === "div") return is(b, 1) ? (a as Scalar) : null;
  return null;
}
