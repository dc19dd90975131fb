import { solveAssignment } from "../src/align/index.ts";
import type { Engine } from "../src/engine/index.ts";
import { input } from "../src/graph/index.ts";
import { fold, normal, permutation, type RngKey, rngKey, tensor, uniform } from "../src/tensor/index.ts";
import { type Timing, timeCalls } from "./harness.ts";

/** Gains as the peer draws them: uniform, and products of units of 256 weights: unrelated, renumbered with noise, trained. */
export const gainKinds = ["uniform", "gram", "planted", "trained"] as const;
export type GainKind = (typeof gainKinds)[number];

const WEIGHTS = 256;
const SHARED = 16;

/** How much a matrix changes before it is solved again, relative to the spread of its entries. */
const CHANGE = 1e-3;

export interface AssignmentTiming {
  readonly cold: Timing;
  /** From the duals and the solution for the matrix before a small change. */
  readonly warm: Timing;
  /** From its own duals and solution. */
  readonly certify: Timing;
}

export async function timeAssignment(engine: Engine, kind: GainKind, n: number): Promise<AssignmentTiming> {
  const gain = await gainMatrix(engine, kind, n);
  const spread = Math.sqrt(gain.reduce((sum, x) => sum + x * x, 0) / gain.length);
  const noise = normal(rngKey(1), [n, n], { deviation: CHANGE * spread }).data;
  const changed = gain.map((x, at) => x + (noise[at] as number));
  const size = { rows: n, columns: n };
  const { duals, columnOf } = solveAssignment(gain, size);
  const time = (matrix: Float32Array, known = {}) => timeCalls(async () => solveAssignment(matrix, size, known), 1.5);
  const known = { duals, start: columnOf };
  return { cold: await time(changed), warm: await time(changed, known), certify: await time(gain, known) };
}

async function gainMatrix(engine: Engine, kind: GainKind, n: number): Promise<Matrix> {
  const key = fold(rngKey(0), kind, n);
  if (kind === "uniform") return uniform(key, [n, n]).data;
  const a = await unitWeights(engine, kind, n, fold(key, "a"));
  const b = await unitWeights(engine, kind, n, fold(key, "b"));
  if (kind === "planted") {
    for (const [i, unit] of permutation(key, n).entries()) {
      for (let k = 0; k < WEIGHTS; k++) {
        const at = i * WEIGHTS + k;
        b[at] = (b[at] as number) + (a[unit * WEIGHTS + k] as number);
      }
    }
  }
  return multiply(engine, a, transposed(b, n), n, WEIGHTS, n);
}

/** Normal weights; of trained units also a part from few directions that all units share, and norms of long tails. */
async function unitWeights(engine: Engine, kind: GainKind, n: number, key: RngKey): Promise<Matrix> {
  const weights = normal(key, [n, WEIGHTS]).data;
  if (kind !== "trained") return weights;
  const directions = normal(rngKey(2), [SHARED, WEIGHTS], { deviation: SHARED ** -0.5 }).data;
  const shares = normal(fold(key, "shares"), [n, SHARED]).data;
  const shared = await multiply(engine, shares, directions, n, SHARED, WEIGHTS);
  const norms = normal(fold(key, "norms"), [n], { deviation: 0.5 }).data.map(Math.exp);
  return weights.map((x, at) => (norms[Math.floor(at / WEIGHTS)] as number) * (x + (shared[at] as number)));
}

function transposed(weights: Matrix, n: number): Matrix {
  return weights.map((_, at) => weights[(at % n) * WEIGHTS + Math.floor(at / n)] as number);
}

type Matrix = Float32Array<ArrayBuffer>;

async function multiply(engine: Engine, a: Matrix, b: Matrix, m: number, k: number, n: number): Promise<Matrix> {
  const product = input("a", "float32", [m, k]).matmul(input("b", "float32", [k, n]));
  await using program = await engine.compile({ product });
  const feeds = { a: tensor("float32", [m, k], a), b: tensor("float32", [k, n], b) };
  return (await program.run(feeds)).product?.data as Matrix;
}
