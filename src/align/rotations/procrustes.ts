import type { Engine, Program } from "../../engine/index.ts";
import { input, type Value } from "../../graph/index.ts";
import { precisionFor } from "../../symmetry/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";

/** Orthogonal matrices by products of matrices on an engine. */
export interface Procrustes extends AsyncDisposable {
  /**
   * For each matrix C of [copies, n, n] the orthogonal R with the largest <R, C>, its polar factor. Where several are best
   * it is near `start`.
   */
  orthogonal(matrices: Float64Array, start: Float64Array, n: number): Promise<Float64Array>;
}

/** Prepares to solve Procrustes problems, in float64. */
export async function procrustesOn(given: Engine): Promise<Procrustes> {
  const { engine } = await precisionFor(given, { precision: "float64", work: () => 0 });
  const programs = new Map<string, Promise<Program>>();
  const step = async (x: Tensor, coefficients: Coefficients) => {
    const key = `${x.shape} ${coefficients}`;
    const program = programs.get(key) ?? engine.compile(iteration(input("x", "float64", x.shape), coefficients));
    programs.set(key, program);
    return (await (await program).run({ x })) as { readonly y: Tensor; readonly squares: Tensor };
  };
  return {
    async orthogonal(matrices, start, n) {
      const copies = matrices.length / (n * n);
      let x: Tensor = tensor("float64", [copies, n, n], normalized(matrices, start, n));
      for (let round = 0; round < MOST_ROUNDS; round++) {
        for (let i = 0; i < GROWING; i++) x = (await step(x, growing)).y;
        for (let i = 0; i < CONVERGING; i++) {
          const { y, squares } = await step(x, converging);
          x = y;
          if (Math.abs((squares.data[0] as number) + copies * n) < NEAR)
            return (await step(x, converging)).y.data as Float64Array;
        }
      }
      throw new Error(`internal: no polar factor found for ${n} x ${n}`);
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
      if (engine !== given) await engine[Symbol.asyncDispose]();
    },
  };
}

/** Of an odd polynomial a x + b x^3 + c x^5 that acts on the singular values. */
type Coefficients = readonly [a: number, b: number, c: number];

/** Multiplies small values by 3.4 and brings the others to between 0.68 and 1.21 (Jordan 2024, the Muon optimizer). */
const growing: Coefficients = [3.4445, -4.775, 2.0315];
const GROWING = 10;
/** The iteration of Newton and Schulz, quadratic from there on. */
const converging: Coefficients = [1.5, -0.5, 0];
const CONVERGING = 8;
/** Each multiplies the smallest value by a million at least, which is `REMAINDER` or, at worst, its square. */
const MOST_ROUNDS = 8;
/** Square of the distance from an orthogonal matrix, of which one more step makes nothing. */
const NEAR = 1e-9;

/** The next x, and |X X' - 1|^2 without the size of the unit matrices. */
function iteration(x: Value, [a, b, c]: Coefficients): { readonly y: Value; readonly squares: Value } {
  const gram = x.matmul(x.transpose([0, 2, 1]));
  const factor = c === 0 ? gram.mul(b) : gram.mul(b).add(gram.matmul(gram).mul(c));
  const squares = gram.mul(gram).sum().sub(x.mul(x).sum().mul(2));
  return { y: x.mul(a).add(factor.matmul(x)), squares };
}

/** Small enough to change nothing but what the matrices leave open. */
const REMAINDER = 1e-14;

function normalized(matrices: Float64Array, start: Float64Array, n: number): Float64Array<ArrayBuffer> {
  const scaled = new Float64Array(matrices.length);
  for (let at = 0; at < scaled.length; at += n * n) {
    const own = matrices.subarray(at, at + n * n);
    const norm = Math.sqrt(own.reduce((sum, x) => sum + x * x, 0));
    for (let i = at; i < at + n * n; i++) {
      const part = norm === 0 ? 0 : (matrices[i] as number) / norm;
      scaled[i] = norm === 0 ? (start[i] as number) : part + REMAINDER * (start[i] as number);
    }
  }
  return scaled;
}
