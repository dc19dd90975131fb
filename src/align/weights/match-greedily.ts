import type { Engine } from "../../engine/index.ts";
import type { Parameters } from "../../nets/index.ts";
import {
  actOnTensor,
  type Factor,
  type GroupElement,
  identity,
  type SymmetryGroup,
  unfold,
} from "../../symmetry/index.ts";
import { type Tensor, tensor, toNumbers } from "../../tensor/index.ts";
import {
  assignUnits,
  checkSame,
  describeMatch,
  gramEngine,
  inFloats,
  type Match,
  type Matching,
  matchingOf,
} from "../matching/index.ts";

/**
 * One pass from the inputs on (Pittorino 2022, arXiv 2202.03038): the units of each factor are matched by the cosines of
 * their incoming weights, biases left out, after those before it. Where as good, units stay in their places.
 */
export async function matchGreedily(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  { engine }: { readonly engine: Engine },
): Promise<Match> {
  checkSame(a, b, group);
  await using grams = gramEngine(engine);
  const matching = matchingOf(group, [a, b], { grams });
  let element = identity(group);
  for (const [factor, { permutes, within }] of group.factors.entries()) {
    if (permutes && within.every((outer) => outer.factor === null || outer.factor < factor)) {
      element = await withIncoming(matching, factor, element);
    }
  }
  return describeMatch(matching, element, { starts: [], gaps: group.factors.map(() => 0) });
}

async function withIncoming(matching: Matching, factor: number, element: GroupElement): Promise<GroupElement> {
  const { group, a, b, sites, grams } = matching;
  const incoming = (sites[factor] ?? []).find(({ layout }) => layout.shape.length > 1);
  if (!incoming) return element;
  const [x, y] = [inFloats(a[incoming.tensor] as Tensor), inFloats(b[incoming.tensor] as Tensor)];
  const moved = actOnTensor(incoming.layout, element, y);
  const rows = [x, moved].map((each) => normalizedRows(unfold(incoming.unfolding, each))) as [Tensor, Tensor];
  const cosines = Float64Array.from(toNumbers(await grams.gram(...rows)));
  const own = group.factors[factor] as Factor;
  const { units } = assignUnits(cosines, own);
  const total = (order: Int32Array) =>
    order.reduce((sum, unit, place) => sum + (cosines[place * own.size + unit] as number), 0);
  const isBetter = total(units) > total(element.permutations[factor] as Int32Array) + ROUNDING * units.length;
  if (!isBetter) return element;
  return { ...element, permutations: element.permutations.with(factor, units) };
}

/** That of a cosine. */
const ROUNDING = 1e-7;

function normalizedRows({ dtype, shape, data }: Tensor): Tensor {
  const length = shape[2] as number;
  const rows = (data as Float64Array).slice();
  for (let start = 0; start < rows.length; start += length) {
    const row = rows.subarray(start, start + length);
    const norm = Math.sqrt(row.reduce((sum, x) => sum + x * x, 0));
    if (norm > 0) for (let i = 0; i < length; i++) row[i] = (row[i] as number) / norm;
  }
  return tensor(dtype, shape, rows as Float64Array<ArrayBuffer>);
}
