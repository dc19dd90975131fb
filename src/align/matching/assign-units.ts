import type { Factor } from "../../symmetry/index.ts";
import { type Assignment, type AssignmentOptions, solveAssignment } from "../assignment/index.ts";
import type { Gains, Matching } from "./gains.ts";
import { scratchOf } from "./scratch.ts";
import { withBestSigns } from "./signs.ts";

/** Which units of b come to each place of a factor, copy after copy. */
export interface UnitAssignment {
  readonly units: Int32Array;
  /** How much more than this no assignment can gain. */
  readonly gap: number;
  /** Of each copy, from which a similar problem can start. */
  readonly duals: readonly Assignment["duals"][];
}

/** Solves the assignment of every copy of a factor of a pair, where each two units may have their better signs. */
export function assignGains(
  { group, scratch }: Matching,
  factor: number,
  { gains, optionsOf }: { readonly gains: readonly Gains[]; readonly optionsOf?: (copy: number) => AssignmentOptions },
): UnitAssignment {
  const roomLike = (values: Gains["values"]) =>
    scratchOf(scratch.terms, values instanceof Float64Array ? "float64" : "float32", values.length);
  return assignUnits(withBestSigns(gains, roomLike), group.factors[factor] as Factor, optionsOf);
}

/** Solves the assignment of every copy of a factor; `gains` are [copies, units, units]. */
export function assignUnits(
  gains: Float32Array | Float64Array,
  { size, copies }: Factor,
  optionsOf: (copy: number) => AssignmentOptions = () => ({}),
): UnitAssignment {
  const units = new Int32Array(copies * size);
  const duals: Assignment["duals"][] = [];
  let gap = 0;
  for (let copy = 0; copy < copies; copy++) {
    const own = gains.subarray(copy * size * size, (copy + 1) * size * size);
    const solved = solveAssignment(own, { rows: size, columns: size }, optionsOf(copy));
    units.set(solved.columnOf, copy * size);
    duals.push(solved.duals);
    gap += Math.max(0, solved.bound - solved.objective);
  }
  return { units, gap, duals };
}
