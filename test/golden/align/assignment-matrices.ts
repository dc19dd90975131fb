import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fold, normal, permutation, rngKey, uniform } from "../../../src/tensor/index.ts";

/** The gain matrices of the goldens; run as a program, it writes them to a folder for generate_assignment.py. */
export const kinds = ["uniform", "gram", "planted", "low-rank"] as const;

export const sizes = [
  [1, 1],
  [6, 6],
  [33, 33],
  [100, 100],
  [200, 200],
  [60, 100],
  [100, 60],
] as const;

export function gainMatrix(kind: (typeof kinds)[number], rows: number, columns: number): Float32Array {
  const key = fold(rngKey(0), "assignment", kind, rows, columns);
  if (kind === "uniform") return uniform(key, [rows, columns]).data;
  const rank = kind === "low-rank" ? 3 : 40;
  const a = normal(fold(key, "a"), [rows, rank]).data;
  const b = normal(fold(key, "b"), [columns, rank]).data;
  const order = permutation(fold(key, "order"), rows);
  if (kind === "planted") b.forEach((noise, at) => { b[at] = (a[(order[Math.floor(at / rank) % rows] as number) * rank + (at % rank)] as number) + noise; });
  return Float32Array.from({ length: rows * columns }, (_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += (a[i * rank + k] as number) * (b[j * rank + k] as number);
    return sum;
  });
}

const [folder] = process.argv.slice(2);
if (import.meta.main && folder) {
  for (const kind of kinds) {
    for (const [rows, columns] of sizes) {
      writeFileSync(join(folder, `${kind}-${rows}-${columns}.f32`), gainMatrix(kind, rows, columns));
    }
  }
}
