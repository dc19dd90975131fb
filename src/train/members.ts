import { allocate, elementCount, type Tensor, tensor } from "../tensor/index.ts";

/** Named tensors of several networks as one, with a leading axis over the networks; a single one stays as it is. */
export function stackMembers(members: readonly Readonly<Record<string, Tensor>>[]): Readonly<Record<string, Tensor>> {
  const [head] = members as readonly [Readonly<Record<string, Tensor>>];
  if (members.length === 1) return head;
  return Object.fromEntries(
    Object.keys(head).map((name) => [name, stack(members.map((each) => each[name] as Tensor))]),
  );
}

function stack(parts: readonly Tensor[]): Tensor {
  const { dtype, shape } = parts[0] as Tensor;
  const size = elementCount(shape);
  const data = allocate(dtype, size * parts.length) as Float64Array<ArrayBuffer>;
  for (const [i, part] of parts.entries()) data.set(part.data as Float64Array, i * size);
  return tensor(dtype, [parts.length, ...shape], data);
}

/** The tensors of each network, copied. */
export function unstackMembers(
  stacked: Readonly<Record<string, Tensor>>,
  count: number,
): readonly Readonly<Record<string, Tensor>>[] {
  return Array.from({ length: count }, (_, i) =>
    Object.fromEntries(Object.entries(stacked).map(([name, value]) => [name, memberOf(value, i, count)])),
  );
}

function memberOf({ dtype, shape, data }: Tensor, index: number, count: number): Tensor {
  if (count === 1) return tensor(dtype, shape, data.slice() as Float64Array<ArrayBuffer>);
  const single = shape.slice(1);
  const size = elementCount(single);
  return tensor(dtype, single, data.slice(index * size, (index + 1) * size) as Float64Array<ArrayBuffer>);
}
