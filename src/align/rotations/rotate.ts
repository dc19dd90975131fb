import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import {
  absorbGains,
  act,
  type GroupElement,
  type MatrixGroup,
  mix,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import { convert, isFloat, type Tensor } from "../../tensor/index.ts";

/** A group element and matrices: what moves a network in its orbit beyond permutations, scales and signs. */
export interface Rotation {
  /** What acts last; its scales give norms their gains back where they were absorbed. */
  readonly element: GroupElement;
  /** By factor what `mix` takes, in the order in which copies are stored; null where nothing mixes the units. */
  readonly matrices: readonly (Float64Array | null)[];
}

/** Whether matrices act on a stream, which its norms have to let through. */
export function isStream(matrix: MatrixGroup | null): boolean {
  return matrix === "orthogonal" || matrix === "orthogonal-mean";
}

/**
 * The parameters with the gains of every stream absorbed, the units of each factor mixed by its matrices, and then moved
 * by the element: computed in float64 and rounded once to the types that they have.
 */
export function rotate(group: SymmetryGroup, { element, matrices }: Rotation, parameters: Parameters): Parameters {
  checkMatrices(group, matrices);
  const touched = Object.entries(parameters).filter(([name, { dtype }]) => name in group.layouts && isFloat(dtype));
  const wide = Object.fromEntries(touched.map(([name, value]) => [name, convert(value, "float64")]));
  let moved: Parameters = { ...parameters, ...wide };
  for (const [factor, { gains }] of group.factors.entries()) {
    if (gains.length > 0) moved = absorbGains(group, factor, moved);
    const own = matrices[factor];
    if (own) moved = mix(group, factor, own, moved);
  }
  moved = act(group, element, moved);
  const narrow = touched.map(([name, { dtype }]) => [name, convert(moved[name] as Tensor, dtype)] as const);
  return { ...moved, ...Object.fromEntries(narrow) };
}

function checkMatrices({ factors }: SymmetryGroup, matrices: Rotation["matrices"]): void {
  const fits = matrices.length === factors.length && factors.every(({ matrix }, i) => matrix !== null || !matrices[i]);
  check(fits, () => ({
    code: "bad-shape",
    where: "matrices",
    message: `expected one entry for each of ${factors.length} factors, and null where no matrix acts, got ${matrices.length}`,
  }));
}
