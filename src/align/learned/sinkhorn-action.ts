import type { Engine, Program } from "../../engine/index.ts";
import { input } from "../../graph/index.ts";
import type { Parameters } from "../../nets/index.ts";
import { refold, unfold } from "../../symmetry/index.ts";
import { allocate, fromNumbers, type Tensor, tensor } from "../../tensor/index.ts";
import { gramEngine, type SiteRun } from "../matching/index.ts";

/** By factor: a matrix [units, units] for each of its copies, in place of a permutation. */
export type SoftUnits = ReadonlyMap<number, Float64Array>;

/** What soft permutations make of parameters. */
export interface SoftlyMoved {
  readonly parameters: Parameters;
  /** The gradients of a function in the matrices, from those in the parameters made; parameters left out do not count. */
  gradient(ofParameters: Parameters): Promise<SoftUnits>;
}

/** The action of a group with matrices P in place of permutations: every run of a factor's units is multiplied by P. */
export interface SoftAction extends AsyncDisposable {
  apply(parameters: Parameters, units: SoftUnits): Promise<SoftlyMoved>;
}

/** The soft action on the tensors in which the units of each factor lie; their copies stay in place. */
export function softAction(sites: readonly (readonly SiteRun[])[], engine: Engine): SoftAction {
  const grams = gramEngine(engine);
  const products = productEngine(engine);
  return {
    async apply(parameters, units) {
      const moved: Record<string, Tensor> = { ...parameters };
      const steps: Step[] = [];
      for (const [factor, matrices] of units) {
        for (const site of sites[factor] ?? []) {
          const before = moved[site.tensor] as Tensor;
          const own = unfold(site.unfolding, before);
          const { copies, units: size } = site.unfolding;
          const matrix = fromNumbers(before.dtype, matrices, [copies, size, size]);
          moved[site.tensor] = refold(site.unfolding, await products.product(matrix, own), before);
          steps.push({ factor, site, own, matrix });
        }
      }
      return { parameters: moved, gradient: (slopes) => gradientOf(steps, slopes) };
    },
    async [Symbol.asyncDispose]() {
      await grams[Symbol.asyncDispose]();
      await products[Symbol.asyncDispose]();
    },
  };

  /** Back through the steps: a product P X has the gradients G X' in P and P' G in X. */
  async function gradientOf(steps: readonly Step[], ofParameters: Parameters): Promise<SoftUnits> {
    const slopes: Record<string, Tensor> = { ...ofParameters };
    const total = new Map<number, Float64Array>();
    for (const { factor, site, own, matrix } of steps.toReversed()) {
      const slope = slopes[site.tensor];
      const sum = total.get(factor) ?? new Float64Array(matrix.data.length);
      total.set(factor, sum);
      if (!slope) continue;
      const unfolded = unfold(site.unfolding, slope);
      const { data } = await grams.gram(unfolded, own);
      for (let k = 0; k < sum.length; k++) sum[k] = (sum[k] as number) + (data[k] as number);
      const passed = await products.product(transposed(matrix), unfolded);
      slopes[site.tensor] = refold(site.unfolding, passed, slope);
    }
    return total;
  }
}

interface Step {
  readonly factor: number;
  readonly site: SiteRun;
  /** The entries before the step. */
  readonly own: Tensor;
  readonly matrix: Tensor;
}

function transposed({ dtype, shape, data }: Tensor): Tensor {
  const [copies, units] = shape as readonly [number, number];
  const turned = allocate(dtype, data.length) as Float64Array<ArrayBuffer>;
  for (let copy = 0; copy < copies; copy++) {
    const start = copy * units * units;
    for (let i = 0; i < units; i++) {
      for (let j = 0; j < units; j++) turned[start + j * units + i] = data[start + i * units + j] as number;
    }
  }
  return tensor(dtype, shape, turned);
}

interface ProductEngine extends AsyncDisposable {
  product(x: Tensor, y: Tensor): Promise<Tensor>;
}

/** Products of stacks of matrices, each compiled once for its sizes. */
function productEngine(engine: Engine): ProductEngine {
  const programs = new Map<string, Promise<Program>>();
  return {
    async product(x, y) {
      const key = `${x.dtype} ${x.shape} ${y.shape}`;
      const program =
        programs.get(key) ??
        engine.compile({ product: input("x", x.dtype, x.shape).matmul(input("y", y.dtype, y.shape)) });
      programs.set(key, program);
      const { product } = await (await program).run({ x, y });
      return product as Tensor;
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}
