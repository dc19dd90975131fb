import { readFileSync } from "node:fs";

interface ExpansionCounts {
  readonly r: number;
  readonly m: number;
  readonly T: string;
  readonly G: string;
}

interface GroupOrder {
  readonly network: string;
  /** Pairs of a width and how many layers have it. */
  readonly factors: readonly (readonly [number, number])[];
  readonly log10: number;
}

function read<T>(name: string): readonly T[] {
  return JSON.parse(readFileSync(new URL(name, import.meta.url), "utf8")).values;
}

/** T and G of the expansion from r to m units. */
export const expansionGoldens = read<ExpansionCounts>("expansion-counts.json");

/** log10 of the permutation groups of well-known networks. */
export const groupGoldens = read<GroupOrder>("group-orders.json");
