import type { Factor } from "../../symmetry/index.ts";
import { release } from "../../tensor/index.ts";
import { type Assignment, type AssignmentOptions, solveAssignment } from "../assignment/index.ts";
import type { Gains } from "./gains.ts";
import { withBestSigns } from "./signs.ts";

/** Which units of b come to each place of a factor, copy after copy. */
export interface UnitAssignment {
  readonly units: Int32Array;
  /** How much more than this no assignment can gain. */
  readonly gap: number;
  /** Of each copy, from which a similar problem can start. */
  readonly duals: readonly Assignment["duals"][];
}

/** Solves the assignment of every copy of a factor, where each pair of units may have its better signs. */
export function assignGains(
  gains: readonly Gains[],
  own: Factor,
  optionsOf?: (copy: number) => AssignmentOptions,
): UnitAssignment {
  const best = withBestSigns(gains);
  const assigned = assignUnits(best, own, optionsOf);
  if (gains.every(({ values }) => values !== best)) release(best);
  return assigned;
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
