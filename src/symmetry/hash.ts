import type { Parameters } from "../nets/index.ts";
import { fold, normal, type RngKey, rngKey } from "../tensor/index.ts";
import { inCanonicalGauge, roundingOf } from "./canonical.ts";
import { contract } from "./contract.ts";
import { type Fingerprints, featureSource, fingerprints, type Placed } from "./fingerprint.ts";
import type { SymmetryGroup } from "./group.ts";

/** The identity of a network modulo its symmetries. */
export interface OrbitHash {
  /** 64 hexadecimal digits, equal for all members of an orbit. */
  readonly hash: string;
  /**
   * How far the closest of the hashed numbers is from where it would be rounded differently, in units of what rounding
   * to the parameters' type may change: below 1 another member of the orbit may get another hash.
   */
  readonly margin: number;
}

/** How many numbers are hashed; all are of order 1 or more. */
const INVARIANTS = 16;
const GRAIN = 2 ** -8;

/**
 * A hash of the canonical gauge that does not depend on the order of the units: pseudo-random combinations of sums over
 * each tensor, whose entries are weighted with the fingerprints of their indices, rounded to multiples of 1/256. A change
 * of all weights by a part in a hundred changes it almost surely, one by less than a part in 10,000 hardly ever.
 */
export async function orbitHash(group: SymmetryGroup, parameters: Parameters): Promise<OrbitHash> {
  const { tensors } = inCanonicalGauge(group, parameters);
  const numbers = invariants(group, tensors);
  const cells = numbers.map((x) => Math.round(x / GRAIN));
  const shapes = [...tensors.values()].map(({ layout }) => layout.shape);
  const text = JSON.stringify({ shapes, cells });
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
  const hash = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const distances = numbers.map((x, i) => GRAIN / 2 - Math.abs(x - (cells[i] as number) * GRAIN));
  return { hash, margin: Math.min(...distances) / roundingOf(parameters) };
}

const root: RngKey = rngKey(0x0b1fa5);

/** Numbers that are the same for every order of the units. */
export function invariants(group: SymmetryGroup, tensors: ReadonlyMap<string, Placed>): number[] {
  const prints = fingerprints(group, tensors);
  const sums = [...tensors.values()].flatMap((placed) => tensorInvariants(group, prints, placed));
  return Array.from({ length: INVARIANTS }, (_, i) => {
    const { data } = normal(fold(root, i), [sums.length], { dtype: "float64" });
    return sums.reduce((total, sum, j) => total + sum * (data[j] as number), 0) / Math.sqrt(sums.length);
  });
}

/** Sums of a tensor's entries times the features of their indices, over its norm, and the size of the tensor. */
function tensorInvariants(group: SymmetryGroup, prints: Fingerprints, placed: Placed): number[] {
  const { layout, tensor } = placed;
  const sums = contract({ layout, tensor, featuresOf: featureSource(group, prints)(placed) }, null);
  let square = 0;
  const { data } = tensor;
  for (let i = 0; i < data.length; i++) square += Number(data[i]) ** 2;
  return square === 0 ? [0, 0, 0, 0, 0] : [...sums.map((sum) => sum / Math.sqrt(square)), Math.log2(square)];
}
