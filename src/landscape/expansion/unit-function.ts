import { type Engine, referenceEngine } from "../../engine/index.ts";
import { input, type Operator, rewrite, topologicalOrder, type Value, withOperands } from "../../graph/index.ts";
import type { UnitRoles } from "../../symmetry/index.ts";
import { allocate, elementCount, tensor } from "../../tensor/index.ts";

/** f(z) = sign f(-z) + slope z + constant for all z: what a function has instead of being even or odd. */
export interface Parity {
  readonly sign: 1 | -1;
  readonly slope: number;
  readonly constant: number;
}

/** What units that are a function of w . x + b make of this number. */
export interface UnitFunction {
  /** The output of a unit whose w . x + b is the same everywhere; null where the output is not. */
  at(z: number): Promise<number | null>;
  /** Null without one, or where outputs are pooled before they are read. */
  readonly parity: Parity | null;
}

/** The function between w . x + b and where the units are read, tried out; null where it depends on more. */
export async function unitFunction(roles: UnitRoles): Promise<UnitFunction | null> {
  const { affine, readers } = roles;
  const [operand, ...others] = new Set(readers.map((reader) => reader.operand));
  if (!affine || !operand || others.length > 0) return null;
  const between = valuesBetween(affine.value, operand);
  if (between === null) return null;
  const at = evaluator(referenceEngine(), affine.value, operand);
  const isPooled = between.some(({ op }) => pooling.has(op));
  return { at, parity: isPooled ? null : await parityOf(at) };
}

const pooling: ReadonlySet<Operator> = new Set<Operator>([
  "MaxPool",
  "AveragePool",
  "ReduceMean",
  "ReduceMax",
  "ReduceMin",
]);

/** What is computed from `from` on the way to `to`; null where anything else that is not a constant goes into it. */
function valuesBetween(from: Value, to: Value): Value[] | null {
  const dependent = new Set([from]);
  const between: Value[] = [];
  for (const value of topologicalOrder([to], dependent)) {
    if (value === from) continue;
    if (value.operands.some((operand) => dependent.has(operand))) {
      dependent.add(value);
      between.push(value);
    } else if (value.op === "Input") return null;
  }
  return between;
}

/** Reads the value `to` where `from` is one number everywhere. */
function evaluator(engine: Engine, from: Value, to: Value): UnitFunction["at"] {
  const given = input(" z", "float64", from.shape);
  const [output] = rewrite([to], (value, operands) => (value === from ? given : withOperands(value, operands)));
  return async (z) => {
    await using program = await engine.compile({ output: output as Value });
    const data = allocate("float64", elementCount(from.shape)).fill(z);
    const made = (await program.run({ " z": tensor("float64", from.shape, data) })).output?.data as Float64Array;
    const [first] = made;
    return first !== undefined && made.every((x) => x === first) ? first : null;
  };
}

/** Where a parity is tried, beyond the bounds of clipped functions too; none is a simple multiple of another. */
const points = [0.31, 0.87, 1.43, 2.9, 7.7, 41];
/** Rounding of functions of the size of their arguments. */
const rounding = 1e-12;

async function parityOf(at: UnitFunction["at"]): Promise<Parity | null> {
  const values: { z: number; plus: number; minus: number }[] = [];
  for (const z of points) {
    const [plus, minus] = [await at(z), await at(-z)];
    if (plus === null || minus === null) return null;
    values.push({ z, plus, minus });
  }
  const found = ([-1, 1] as const).map((sign) => fittedParity(values, sign));
  return (
    found.find((parity) => parity !== null && parity.slope === 0) ?? found.find((parity) => parity !== null) ?? null
  );
}

/** f(z) - sign f(-z) as a line; through the first and the last point, tried at the others. */
function fittedParity(
  values: readonly { readonly z: number; readonly plus: number; readonly minus: number }[],
  sign: 1 | -1,
): Parity | null {
  const line = values.map(({ z, plus, minus }) => ({ z, y: plus - sign * minus }));
  const [first, last] = [line[0], line.at(-1)] as [{ z: number; y: number }, { z: number; y: number }];
  const rise = (last.y - first.y) / (last.z - first.z);
  const slope = nearby(rise);
  const constant = nearby(first.y - slope * first.z);
  // f(z) = sign f(-z) + slope z + constant at z and -z together: 0 = (1 + sign) constant and 0 = (1 - sign) slope.
  const isConsistent = sign === 1 ? constant === 0 : slope === 0;
  const fits = line.every(({ z, y }) => Math.abs(y - slope * z - constant) < rounding * (1 + z));
  return fits && isConsistent ? { sign, slope, constant } : null;
}

/** Without the rounding of whole numbers. */
function nearby(x: number): number {
  const whole = Math.round(x);
  return Math.abs(x - whole) < rounding ? whole : x;
}
