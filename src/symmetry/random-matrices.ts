import { fold, type RngKey, uniform } from "../tensor/index.ts";
import type { SymmetryGroup } from "./group.ts";
import { diagonal, product, randomMeanKeeping, randomOrthogonal } from "./linear-algebra.ts";
import { matrixFactor } from "./strands.ts";

/**
 * Random matrices for `mix`, uniform where the group is compact; invertible ones have singular values from 1/2 to 2,
 * complex factors such moduli.
 */
export function randomMatrices(group: SymmetryGroup, factorIndex: number, key: RngKey): Float64Array {
  const { matrix, size, copies } = matrixFactor(group, factorIndex);
  const each = Array.from({ length: copies }, (_, copy) => {
    const own = fold(key, "copy", copy);
    switch (matrix) {
      case "orthogonal":
        return randomOrthogonal(own, size);
      case "orthogonal-mean":
        return randomMeanKeeping(own, size);
      case "rotary":
        return randomFactors(own, size);
      default:
        return randomInvertible(own, size);
    }
  });
  const entries = (each[0] as Float64Array).length;
  const matrices = new Float64Array(copies * entries);
  for (const [copy, own] of each.entries()) matrices.set(own, copy * entries);
  return matrices;
}

/** Q D R with orthogonal Q and R, and D from 1/2 to 2. */
function randomInvertible(key: RngKey, n: number): Float64Array {
  const [left, right] = ["left", "right"].map((side) => randomOrthogonal(fold(key, side), n));
  const stretched = product(left as Float64Array, diagonal(logUniform(key, n)), n);
  return product(stretched, right as Float64Array, n);
}

function randomFactors(key: RngKey, n: number): Float64Array {
  const moduli = logUniform(key, n);
  const { data: angles } = uniform(fold(key, "angle"), [n], { dtype: "float64", high: 2 * Math.PI });
  return Float64Array.from({ length: 2 * n }, (_, at) => {
    const i = at >> 1;
    return (moduli[i] as number) * (at % 2 === 0 ? Math.cos : Math.sin)(angles[i] as number);
  });
}

function logUniform(key: RngKey, n: number): Float64Array {
  return uniform(fold(key, "scale"), [n], { dtype: "float64", low: -1, high: 1 }).data.map((x) => 2 ** x);
}
