import type { Value } from "../graph/index.ts";
import type { Exponents } from "./exponents.ts";
import type { MatrixGroup } from "./group.ts";
import { axisLeaves, type Component, type Leaf, type Leaves, valueLeaves } from "./leaves.ts";
import { isLinearAt } from "./linearity.ts";
import { rotaryLeaves } from "./rotary.ts";
import { axisOf } from "./trace.ts";

/** What mixes the units of an atom linearly and leaves the function as it is. */
export interface Mixing {
  readonly matrix: MatrixGroup;
  /** Gains of norms that have to be absorbed first. */
  readonly gains: readonly Value[];
}

/** How the operators of a graph treat the units of each atom. */
interface Treatment {
  isLinear: boolean;
  readonly norms: Value[];
}

/** The kind of units whose order is fixed and whose scaling starts at a leaf; atoms are the kinds of all others. */
export function pinnedKind(leaf: Leaf): number {
  return -1 - leaf;
}

/** Finds the kinds of units that may be mixed by matrices, beyond permutations, scales and signs. */
export function matrixGroups(
  leaves: Leaves,
  { scales, outputs }: { readonly scales: Exponents; readonly outputs: readonly Value[] },
): ReadonlyMap<number, Mixing> {
  const treatments = new Map<number, Treatment>();
  const treatmentOf = (atom: number) => {
    const known = treatments.get(atom) ?? { isLinear: true, norms: [] };
    treatments.set(atom, known);
    return known;
  };
  for (const output of outputs) {
    for (const leaf of valueLeaves(leaves, output)) treatmentOf(leaves.atoms[leaf] as number).isLinear = false;
  }
  for (const { value, relation } of leaves.steps) {
    for (const leaf of relation.misfits) treatmentOf(leaves.atoms[leaf] as number).isLinear = false;
    for (const component of relation.components) treat(leaves, treatmentOf(component.atom), { value, component });
  }
  const free = [...treatments].flatMap(([atom, treatment]) => {
    const mixing = mixingOf(leaves, atom, { treatment, scales });
    return mixing ? [[atom, mixing] as const] : [];
  });
  const rotary: Mixing = { matrix: "rotary", gains: [] };
  return new Map([...free, ...rotaryLeaves(leaves, scales).map((leaf) => [pinnedKind(leaf), rotary] as const)]);
}

function treat(
  leaves: Leaves,
  treatment: Treatment,
  { value, component }: { readonly value: Value; readonly component: Component },
): void {
  if (isNorm(value) && isWholeNorm(leaves, value, component)) treatment.norms.push(value);
  else if (!isLinearAt(value, component)) treatment.isLinear = false;
}

function isNorm({ op }: Value): boolean {
  return op === "LayerNormalization" || op === "RMSNormalization";
}

/** Whether a norm runs over exactly the units of this component. */
function isWholeNorm(leaves: Leaves, value: Value, { results }: Component): boolean {
  const { axis } = value.attributes as { readonly axis: number };
  if (axis !== value.rank - 1) return false;
  const own = axisLeaves(leaves, axisOf(leaves.trace, value, axis));
  return own.length === 1 && results.length === 1 && own[0] === results[0];
}

function mixingOf(
  leaves: Leaves,
  atom: number,
  { treatment, scales }: { readonly treatment: Treatment; readonly scales: Exponents },
): Mixing | null {
  const { isLinear, norms } = treatment;
  if (!isLinear || leaves.trace.atoms.pins[atom]) return null;
  if (norms.length > 0) return orthogonalStream(leaves, norms, scales);
  const own = scales.generators.filter(({ leaf }) => leaves.atoms[leaf] === atom);
  return { matrix: own.length === 1 ? "general-linear" : "orthogonal", gains: [] };
}

/** Every gain must be free to go over into what reads the norm. */
function orthogonalStream(leaves: Leaves, norms: readonly Value[], scales: Exponents): Mixing | null {
  const gains = norms.map((norm) => norm.operands[1] as Value);
  const powers = gains.map((gain) =>
    gain.op === "Input" ? [...scales.of(valueLeaves(leaves, gain)[0] as Leaf)] : null,
  );
  const owners = new Set(powers.map((power) => power?.[0]?.[0]));
  const areFree = powers.every((power) => power?.length === 1) && owners.size === gains.length;
  if (!areFree) return null;
  const keepsMean = norms.some(({ op }) => op === "LayerNormalization");
  return { matrix: keepsMean ? "orthogonal-mean" : "orthogonal", gains };
}
