import { dot, fold, norm, type RngKey } from "../../tensor/index.ts";
import { checkProbes, type Estimate, meanOf } from "./estimate.ts";
import type { SymmetricOperator } from "./symmetric-operator.ts";
import { orthogonalize, randomProbes, scale, type Vector } from "./vectors.ts";

export interface TraceOptions {
  readonly key: RngKey;
  /** Products with the matrix; defaults to 30. */
  readonly probes?: number;
  /** Defaults to "hutch++". */
  readonly method?: "hutchinson" | "hutch++";
}

/** A part of a trace that is known: that along orthonormal vectors. */
export interface KnownPart {
  readonly vectors: readonly Vector[];
  /** v' H v of each. */
  readonly values: readonly number[];
}

/**
 * The trace: the mean of z' H z over vectors z of random signs (Hutchinson 1990), or Hutch++ (Meyer 2021, arXiv
 * 2010.09649), which takes the part along the image of a third of the probes exactly. The standard error is that of the
 * part that is estimated.
 */
export async function traceOf(operator: SymmetricOperator, options: TraceOptions): Promise<Estimate> {
  const { key, probes = 30, method = "hutch++" } = options;
  if (method === "hutchinson") return traceBeside(operator, { vectors: [], values: [] }, { key, probes });
  const third = Math.floor(probes / 3);
  checkProbes(probes, 6);
  const sketch = await operator.products(
    randomProbes(fold(key, "sketch"), operator, { count: Math.min(third, operator.size) }),
  );
  const vectors = orthonormal(sketch);
  const images = await operator.products(vectors);
  const values = vectors.map((vector, i) => dot(vector, images[i] as Vector));
  return traceBeside(operator, { vectors, values }, { key, probes: probes - 2 * third });
}

/** The trace where the part along some vectors is known, by Hutchinson's estimate of the rest. */
export async function traceBeside(
  operator: SymmetricOperator,
  { vectors, values }: KnownPart,
  { key, probes }: { readonly key: RngKey; readonly probes: number },
): Promise<Estimate> {
  checkProbes(probes);
  const draws: number[] = [];
  for (const group of groups(probes, operator.width)) {
    const rest = randomProbes(fold(key, "trace"), operator, group);
    for (const probe of rest) orthogonalize(probe, vectors);
    const images = await operator.products(rest);
    draws.push(...rest.map((probe, i) => dot(probe, images[i] as Vector)));
  }
  const { value, standardError } = meanOf(draws);
  return { value: value + values.reduce((sum, x) => sum + x, 0), standardError };
}

/** Counts up to `count` in steps of `width`. */
export function groups(count: number, width: number): { readonly start: number; readonly count: number }[] {
  return Array.from({ length: Math.ceil(count / width) }, (_, i) => ({
    start: i * width,
    count: Math.min(width, count - i * width),
  }));
}

/** Shares of a vector below this are rounding. */
const smallestShare = 1e-5;

/** An orthonormal basis of what the vectors span. */
function orthonormal(vectors: readonly Vector[]): Vector[] {
  const basis: Vector[] = [];
  for (const given of vectors) {
    const vector = given.slice() as Vector;
    const before = norm(vector);
    orthogonalize(vector, basis);
    const after = norm(vector);
    if (after <= smallestShare * before) continue;
    scale(vector, 1 / after);
    basis.push(vector);
  }
  return basis;
}
