import type { Vector } from "./vectors.ts";

/** A symmetric matrix that is known by its products. */
export interface SymmetricOperator {
  /** The number of its rows. */
  readonly size: number;
  /** The element type of its vectors. */
  readonly dtype: "float32" | "float64";
  /** How many products at a time cost the least each. */
  readonly width: number;
  products(vectors: readonly Vector[]): Promise<readonly Vector[]>;
}
