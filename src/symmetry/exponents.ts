import type { Value } from "../graph/index.ts";
import { toNumbers } from "../tensor/index.ts";
import { type Flow, follow, requireNone } from "./exponent-rules.ts";
import { type Leaf, type Leaves, valueLeaves } from "./leaves.ts";
import { type Combination, homogeneousSystem } from "./linear-system.ts";

/**
 * How every entry of every value scales when the parameters are scaled unit by unit: the power of each generator's
 * factor, along each leaf. Over the reals these are positive scales, modulo 2 signs.
 */
export interface Exponents {
  readonly kind: "scale" | "sign";
  /** The power along a leaf, in terms of free generators. */
  of(leaf: Leaf): Combination;
  /** Free generators, each by the leaf of the parameter that it scales itself. */
  readonly generators: readonly { readonly id: number; readonly leaf: Leaf }[];
}

const none: Combination = new Map();

/** Follows scales, or signs, through the graph: a homogeneous linear system, solved as it is read. */
export function solveExponents(
  leaves: Leaves,
  kind: "scale" | "sign",
  parameters: ReadonlySet<Value>,
  outputs: readonly Value[],
): Exponents {
  const system = homogeneousSystem(kind === "sign" ? 2 : 0);
  const zeros = zeroValues(leaves);
  const flow: Flow = { leaves, kind, system, zeros, powers: new Map() };
  const owners = new Map<number, Leaf>();
  const variances = new Set(
    leaves.steps.flatMap(({ value: { op, operands } }) => (op === "BatchNormalization" ? operands[4] : [])),
  );
  for (const step of leaves.steps) {
    const { value } = step;
    const isFree = parameters.has(value) || zeros.has(value);
    if (value.op !== "Input" && value.op !== "Constant" && !isFree) follow(flow, step);
    else
      for (const leaf of valueLeaves(leaves, value)) {
        const id = isFree ? system.newGenerator() : null;
        if (id !== null && parameters.has(value)) owners.set(id, leaf);
        // The power of a deviation, so that all powers are whole.
        const power = kind === "scale" && variances.has(value) ? 2 : 1;
        flow.powers.set(leaf, id === null ? none : new Map([[id, power]]));
      }
  }
  for (const output of outputs) requireNone(flow, valueLeaves(leaves, output));
  const generators = [...owners].filter(([id]) => system.isFree(id)).map(([id, leaf]) => ({ id, leaf }));
  const solved = new Map([...flow.powers].map(([leaf, combination]) => [leaf, system.resolve(combination)]));
  return { kind, generators, of: (leaf) => solved.get(leaf) ?? none };
}

/** Whether `target` is a combination of `vectors`. */
export function spans(kind: Exponents["kind"], vectors: readonly Combination[], target: Combination): boolean {
  const system = homogeneousSystem(kind === "sign" ? 2 : 0);
  for (const vector of vectors) system.require(vector);
  return system.resolve(system.sum([[1, target]])).size === 0;
}

/** The values that are zero whatever the parameters are. */
function zeroValues(leaves: Leaves): ReadonlySet<Value> {
  const zeros = new Set<Value>();
  for (const { value } of leaves.steps) {
    const isZero = value.operands.map((operand) => zeros.has(operand));
    const isProduct = value.op === "Mul" || value.op === "MatMul";
    const keepsZeros = value.op === "Expand" || value.op === "Reshape" || value.op === "Transpose";
    if (isZeroConstant(value) || (isProduct && isZero.includes(true)) || (keepsZeros && isZero[0])) zeros.add(value);
  }
  return zeros;
}

function isZeroConstant(value: Value): boolean {
  return value.op === "Constant" && toNumbers((value as Value<"Constant">).attributes.value).every((x) => x === 0);
}
