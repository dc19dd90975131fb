import type { Engine } from "../../engine/index.ts";
import type { Parameters } from "../../nets/index.ts";
import { type Factor, type SymmetryGroup, unfold } from "../../symmetry/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { gramEngine } from "./gram-engine.ts";
import { inFloats } from "./site-products.ts";
import { siteRuns } from "./sites.ts";

interface UnitCosinesOptions {
  readonly engine: Engine;
  /** Which of the factors of the group. */
  readonly factor: number;
}

/** The cosine of everything that indexes a unit of a with everything that indexes one of b, [copies, units, units]. */
export async function unitCosines(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  { engine, factor }: UnitCosinesOptions,
): Promise<Float64Array> {
  const { size, copies } = group.factors[factor] as Factor;
  const products = new Float64Array(copies * size * size);
  const [first, second] = [new Float64Array(copies * size), new Float64Array(copies * size)];
  await using grams = gramEngine(engine);
  for (const { tensor, unfolding } of siteRuns(group)[factor] ?? []) {
    const [x, y] = [a, b].map((each) => unfold(unfolding, inFloats(each[tensor] as Tensor))) as [Tensor, Tensor];
    addTo(products, (await grams.gram(x, y)).data as Float64Array);
    addSquares(first, x);
    addSquares(second, y);
  }
  return products.map((product, i) => {
    const row = Math.floor(i / size);
    const norm = Math.sqrt((first[row] as number) * (second[row - (row % size) + (i % size)] as number));
    return norm === 0 ? 0 : product / norm;
  });
}

function addTo(sums: Float64Array, terms: Float64Array): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] as number) + (terms[i] as number);
}

/** Adds the square of every row to that of its unit. */
function addSquares(squares: Float64Array, { shape, data }: Tensor): void {
  const length = shape[2] as number;
  for (let i = 0; i < data.length; i++) {
    const row = Math.floor(i / length);
    squares[row] = (squares[row] as number) + Number(data[i]) ** 2;
  }
}
