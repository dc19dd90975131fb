import type { Parameters } from "../../src/nets/index.ts";
import {
  absorbGains,
  act,
  type GroupElement,
  identity,
  mix,
  randomElement,
  randomMatrices,
  type SymmetryGroup,
} from "../../src/symmetry/index.ts";
import { fold, type RngKey } from "../../src/tensor/index.ts";

export interface RotationOptions {
  /** Whether what may be any invertible matrix is one, not only an orthogonal one. */
  readonly isGeneral?: boolean;
  /** Factors whose signs stay. */
  readonly unflipped?: readonly number[];
}

/** Parameters after random orthogonal matrices (of modulus 1 in planes), permutations and signs, all gains of streams absorbed. */
export function randomlyRotated(
  group: SymmetryGroup,
  key: RngKey,
  parameters: Parameters,
  { isGeneral = false, unflipped = [] }: RotationOptions = {},
): { readonly parameters: Parameters; readonly element: GroupElement } {
  let mixed = parameters;
  for (const [factor, { matrix, gains }] of group.factors.entries()) {
    if (matrix === null) continue;
    if (gains.length > 0) mixed = absorbGains(group, factor, mixed);
    const matrices = isGeneral
      ? randomMatrices(group, factor, fold(key, "matrices", factor))
      : randomRotations(group, factor, fold(key, "matrices", factor));
    mixed = mix(group, factor, matrices, mixed);
  }
  const drawn = randomElement(group, fold(key, "element"), { spread: 1 });
  const still = identity(group);
  const isMixed = (factor: number) => group.factors[factor]?.matrix !== null;
  const element = {
    permutations: drawn.permutations.map((units, i) => (isMixed(i) ? (still.permutations[i] as Int32Array) : units)),
    scales: group.generators.map(({ factor }, i) =>
      isMixed(factor) || unflipped.includes(factor)
        ? (still.scales[i] as Float64Array)
        : (drawn.scales[i] as Float64Array),
    ),
  };
  return { parameters: act(group, element, mixed), element };
}

function randomRotations(group: SymmetryGroup, factor: number, key: RngKey): Float64Array {
  if (group.factors[factor]?.matrix === "rotary") {
    const numbers = randomMatrices(group, factor, key);
    return numbers.map((x, at) => x / Math.hypot(numbers[at & ~1] as number, numbers[at | 1] as number));
  }
  const factors = group.factors.map((each, i) =>
    i === factor && each.matrix === "general-linear" ? { ...each, matrix: "orthogonal" as const } : each,
  );
  return randomMatrices({ ...group, factors }, factor, key);
}
