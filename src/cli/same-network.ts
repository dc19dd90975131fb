import { check, type InputErrorDetails } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import type { WeightsFile } from "../node/index.ts";
import { sameShape, type Tensor } from "../tensor/index.ts";

/** Refuses two files that are not for one architecture, as far as the tensors of the networks tell. */
export function checkSameNetwork(a: WeightsFile, b: WeightsFile): void {
  const [x, y] = [a.discovery.parameters, b.discovery.parameters];
  const other = [...x].find(([name, { shape }]) => !sameShape(y.get(name)?.shape ?? [Number.NaN], shape));
  check(!other && x.size === y.size, () =>
    different(a, b, other ? `: they differ in ${JSON.stringify(other[0])}` : ""),
  );
}

/** Refuses two files whose units can be scaled or flipped in different ways, as those of relu and tanh can. */
export function checkSameSymmetries(a: WeightsFile, b: WeightsFile): void {
  check(scalesIn(a) === scalesIn(b), () => different(a, b, `: its units have ${scalesIn(b)}, not ${scalesIn(a)}`));
}

function scalesIn({ discovery }: WeightsFile): string {
  const { factors, generators } = discovery.group;
  const counts = { scale: 0, sign: 0 };
  for (const { kind, factor } of generators)
    counts[kind] += (factors[factor]?.size ?? 0) * (factors[factor]?.copies ?? 0);
  return `${counts.scale} scales and ${counts.sign} signs`;
}

function different(a: WeightsFile, b: WeightsFile, how: string): InputErrorDetails {
  return {
    code: "different-networks",
    where: b.path,
    message: `expected the network of ${a.path}, got another${how}`,
    remedy: "compare two checkpoints of one architecture",
  };
}

/** Refuses tensors of different types, which would have to be rounded to be mixed. */
export function checkSameTypes(a: Parameters, b: Parameters, where: string): void {
  const other = Object.entries(a).find(([name, { dtype }]) => b[name]?.dtype !== dtype);
  check(!other, () => ({
    code: "different-types",
    where: `${where}, tensor ${JSON.stringify(other?.[0])}`,
    message: `expected ${other?.[1].dtype} as in the first, got ${(b[other?.[0] ?? ""] as Tensor | undefined)?.dtype}`,
    remedy: "convert both to one type",
  }));
}
