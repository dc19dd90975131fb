import { apply, constant, type Value, where } from "../../graph/index.ts";
import { elementCount, formatShape, fromNumbers, normalizeAxis, type Tensor, toNumbers } from "../../tensor/index.ts";
import { type ImportedNode, type Importer, intAttribute, operand, refuse, stringAttribute } from "../imported-node.ts";

/** Slices by index. */
export const gather: Importer = (node) => {
  const x = operand(node, 0);
  const axis = normalizeAxis(intAttribute(node, "axis") ?? 0, x.rank, "");
  return x.gather(countedFromStart(node, operand(node, 1), x.shape[axis] as number), axis);
};

/** Elements by index. */
export const gatherElements: Importer = (node) => {
  const x = operand(node, 0);
  const axis = normalizeAxis(intAttribute(node, "axis") ?? 0, x.rank, "");
  return x.gatherElements(countedFromStart(node, operand(node, 1), x.shape[axis] as number), axis);
};

/** Slices by tuples of indices into the first axes. */
export const gatherNd: Importer = (node) => {
  const [x, indices] = [operand(node, 0), operand(node, 1)];
  const count = indices.shape.at(-1) ?? 0;
  if (intAttribute(node, "batch_dims")) refuse("expected indices into the first axes, got batch_dims");
  if (count < 1 || count > x.rank) refuse(`expected 1 to ${x.rank} indices, got ${formatShape(indices.shape)}`);
  const sizes = x.shape.slice(0, count);
  const places = sizes.map((size, axis) => {
    const column = indices.slice(-1, axis, axis + 1).reshape(indices.shape.slice(0, -1));
    return countedFromStart(node, column, size).mul(elementCount(sizes.slice(axis + 1)));
  });
  const flat = x.reshape([elementCount(sizes), ...x.shape.slice(count)]);
  return flat.gather(
    places.reduce((sum, next) => sum.add(next)),
    0,
  );
};

/** Adds slices at the indices of the first axis. */
export const scatterNd: Importer = (node) => {
  checkAdds(node);
  const [data, indices, updates] = [operand(node, 0), operand(node, 1), operand(node, 2)];
  if (indices.shape.at(-1) !== 1) refuse(`expected indices [..., 1] of one axis, got ${formatShape(indices.shape)}`);
  const size = data.shape[0] ?? refuse("expected data with axes, got a scalar");
  const positions = countedFromStart(node, indices.reshape(indices.shape.slice(0, -1)), size);
  return addTo(node, data, apply("GatherGrad", [updates, positions], { axis: 0, size }));
};

/** Adds elements at the indices of an axis. */
export const scatterElements: Importer = (node) => {
  checkAdds(node);
  const [data, indices, updates] = [operand(node, 0), operand(node, 1), operand(node, 2)];
  const axis = normalizeAxis(intAttribute(node, "axis") ?? 0, data.rank, "");
  const size = data.shape[axis] as number;
  const added = apply("GatherElementsGrad", [updates, countedFromStart(node, indices, size)], { axis, size });
  const missing = data.shape.map((full, i) => full - (added.shape[i] ?? 0));
  const padded = missing.some(Boolean) ? added.pad([...missing.map(() => 0), ...missing]) : added;
  return addTo(node, data, padded);
};

function checkAdds(node: ImportedNode): void {
  if (stringAttribute(node, "reduction") !== "add") refuse("expected the reduction add, got another one");
}

function addTo(node: ImportedNode, data: Value, addition: Value): Value {
  const source = data.op === "Expand" ? (data.operands[0] as Value) : data;
  const known = elementCount(source.shape) === 1 ? node.known(source) : undefined;
  return known && toNumbers(known)[0] === 0 ? addition : data.add(addition);
}

/** Indices with those that count from the end made to count from the start. */
function countedFromStart(node: ImportedNode, indices: Value, size: number): Value {
  const known = node.known(indices);
  if (!known) return isNonNegative(indices) ? indices : where(indices.less(0), indices.add(size), indices);
  const positions = toNumbers(known);
  const strange = positions.find((index) => index < -size || index >= size);
  if (strange !== undefined) refuse(`expected indices from ${-size} to ${size - 1}, got ${strange}`);
  return positions.some((index) => index < 0) ? constant(shifted(known, positions, size)) : indices;
}

function shifted({ dtype, shape }: Tensor, positions: Float64Array, size: number): Tensor {
  return fromNumbers(
    dtype,
    positions.map((index) => (index < 0 ? index + size : index)),
    shape,
  );
}

const rearranging: ReadonlySet<string> = new Set(["Cast", "Reshape", "Transpose", "Expand", "Slice"]);

/** Whether a computed value is seen to be non-negative, as positions of maxima are. */
function isNonNegative(value: Value): boolean {
  let source = value;
  while (rearranging.has(source.op)) source = source.operands[0] as Value;
  return source.op === "ArgMax" || (source.op === "MaxPoolGather" && source.operands[1]?.op === "Constant");
}
