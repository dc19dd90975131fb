import { partOf, stack, type Tensor } from "../tensor/index.ts";

/** Named tensors of several networks as one, with a leading axis over the networks; a single one stays as it is. */
export function stackMembers(members: readonly Readonly<Record<string, Tensor>>[]): Readonly<Record<string, Tensor>> {
  const [head] = members as readonly [Readonly<Record<string, Tensor>>];
  if (members.length === 1) return head;
  return Object.fromEntries(
    Object.keys(head).map((name) => [name, stack(members.map((each) => each[name] as Tensor))]),
  );
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

function memberOf(value: Tensor, index: number, count: number): Tensor {
  const shared = count === 1 ? value : partOf(value, index);
  return { ...shared, data: shared.data.slice() };
}
