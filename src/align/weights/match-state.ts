import type { GroupElement } from "../../symmetry/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import type { StartName, UnitAssignment } from "../matching/index.ts";

/** Where a descent has ended. */
export interface Descent {
  readonly start: StartName;
  readonly element: GroupElement;
  readonly objective: number;
  readonly sweeps: number;
  readonly gaps: readonly number[];
}

/** Where a descent is between two factors: everything that its further course depends on. */
export interface DescentState {
  readonly element: GroupElement;
  readonly sweeps: number;
  /** Factors still to be looked at in this sweep, in order. */
  readonly pending: readonly number[];
  /** Factors that may still improve. */
  readonly open: readonly number[];
  readonly gaps: readonly number[];
  /** By factor, of its last assignment. */
  readonly duals: ReadonlyMap<number, UnitAssignment["duals"]>;
}

/** Where a matching is: descents that have ended, and the one at work. */
export interface MatchState {
  readonly fingerprint: GroupElement;
  readonly runs: readonly Descent[];
  readonly descent: DescentState;
}

/** A state as tensors and plain JSON, from which it can be had again exactly. */
export interface StoredState {
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly rest: unknown;
}

interface Rest {
  readonly factors: number;
  readonly generators: number;
  readonly runs: readonly Omit<Descent, "element">[];
  readonly descent: Omit<DescentState, "element" | "duals"> & {
    readonly duals: readonly (readonly [number, number])[];
  };
}

/** A state in a form that a file can hold. */
export function storeState({ fingerprint, runs, descent }: MatchState): StoredState {
  const { element, duals, ...where } = descent;
  const elements = [fingerprint, element, ...runs.map((run) => run.element)];
  const dualTensors = [...duals].flatMap(([factor, copies]) =>
    copies.flatMap(({ rows, columns }, copy) => [
      [`duals.${factor}.${copy}.rows`, numbers(rows)] as const,
      [`duals.${factor}.${copy}.columns`, numbers(columns)] as const,
    ]),
  );
  const rest: Rest = {
    factors: element.permutations.length,
    generators: element.scales.length,
    runs: runs.map(({ element: _, ...run }) => run),
    descent: { ...where, duals: [...duals].map(([factor, copies]) => [factor, copies.length] as const) },
  };
  return { tensors: Object.fromEntries([...elements.flatMap(elementTensors), ...dualTensors]), rest };
}

function elementTensors({ permutations, scales }: GroupElement, which: number): (readonly [string, Tensor])[] {
  return [
    ...permutations.map((units, i) => [`${which}.permutations.${i}`, integers(units)] as const),
    ...scales.map((each, i) => [`${which}.scales.${i}`, numbers(each)] as const),
  ];
}

function integers(data: Int32Array): Tensor {
  return tensor("int32", [data.length], Int32Array.from(data));
}

function numbers(data: Float64Array): Tensor {
  return tensor("float64", [data.length], Float64Array.from(data));
}

/** The state that was stored. */
export function restoreState({ tensors, rest }: StoredState): MatchState {
  const { factors, generators, runs, descent } = rest as Rest;
  const data = (name: string) => (tensors[name] as Tensor).data;
  const elementAt = (which: number): GroupElement => ({
    permutations: Array.from({ length: factors }, (_, i) => data(`${which}.permutations.${i}`) as Int32Array),
    scales: Array.from({ length: generators }, (_, i) => data(`${which}.scales.${i}`) as Float64Array),
  });
  const dualsOf = (factor: number, copy: number) => ({
    rows: data(`duals.${factor}.${copy}.rows`) as Float64Array,
    columns: data(`duals.${factor}.${copy}.columns`) as Float64Array,
  });
  const duals = descent.duals.map(([factor, copies]) => {
    return [factor, Array.from({ length: copies }, (_, copy) => dualsOf(factor, copy))] as const;
  });
  return {
    fingerprint: elementAt(0),
    runs: runs.map((run, i) => ({ ...run, element: elementAt(i + 2) })),
    descent: { ...descent, element: elementAt(1), duals: new Map(duals) },
  };
}
