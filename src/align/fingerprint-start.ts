import { type Factor, type GroupElement, identity, sourceCopy, unfold } from "../symmetry/index.ts";
import { type Tensor, tensor } from "../tensor/index.ts";
import { assignUnits } from "./assign-units.ts";
import { inFloats, type Matching } from "./gains.ts";

/**
 * A start for coordinate descent that does not depend on how the neighbours are numbered: units whose incoming and
 * outgoing weights, sorted by size, are most alike.
 */
export async function fingerprintStart(matching: Matching): Promise<GroupElement> {
  const { group } = matching;
  const element = identity(group);
  const done = new Set<number>();
  const match = async (factor: number): Promise<void> => {
    if (done.has(factor)) return;
    done.add(factor);
    const { permutes, within } = group.factors[factor] as Factor;
    for (const outer of within) if (outer.factor !== null) await match(outer.factor);
    if (permutes) element.permutations[factor]?.set(await sortedMatch(matching, factor, element));
  };
  for (const factor of group.factors.keys()) await match(factor);
  return element;
}

async function sortedMatch({ group, a, b, sites, grams }: Matching, factor: number, element: GroupElement) {
  const own = group.factors[factor] as Factor;
  const { size, copies } = own;
  const gains = new Float64Array(copies * size * size);
  for (const { tensor: name, unfolding } of sites[factor] ?? []) {
    const [x, y] = [a, b].map((parameters) => sortedRows(unfold(unfolding, inFloats(parameters[name] as Tensor))));
    const moved = copies > 1 ? inCopies(y as Tensor, { group, factor, element }) : (y as Tensor);
    const { data } = await grams.gram(x as Tensor, moved);
    for (let i = 0; i < gains.length; i++) gains[i] = (gains[i] as number) + ((data as Float64Array)[i] as number);
  }
  return assignUnits(gains, own).units;
}

/** The absolute values of each row in ascending order. */
function sortedRows({ dtype, shape, data }: Tensor): Tensor {
  const length = shape[2] as number;
  const sorted = (data as Float64Array).map(Math.abs);
  for (let start = 0; start < sorted.length; start += length) sorted.subarray(start, start + length).sort();
  return tensor(dtype, shape, sorted as Float64Array<ArrayBuffer>);
}

interface Copies {
  readonly group: Matching["group"];
  readonly factor: number;
  readonly element: GroupElement;
}

/** The copies in the order in which the outer factors have been matched. */
function inCopies({ dtype, shape, data }: Tensor, { group, factor, element }: Copies): Tensor {
  const block = (shape[1] as number) * (shape[2] as number);
  const moved = (data as Float64Array).slice();
  for (let copy = 0; copy < (shape[0] as number); copy++) {
    const from = sourceCopy(group, factor, { element, copy });
    moved.set((data as Float64Array).subarray(from * block, (from + 1) * block), copy * block);
  }
  return tensor(dtype, shape, moved as Float64Array<ArrayBuffer>);
}
