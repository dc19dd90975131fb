import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import type { WeightsFile } from "../node/index.ts";
import { sameShape, type Tensor } from "../tensor/index.ts";

/** Refuses two files that are not for one architecture. */
export function checkSameNetwork(a: WeightsFile, b: WeightsFile): void {
  const [x, y] = [a.discovery.group.layouts, b.discovery.group.layouts];
  const other = Object.entries(x).find(([name, { shape }]) => !y[name] || !sameShape(y[name].shape, shape));
  check(!other && Object.keys(y).length === Object.keys(x).length, () => ({
    code: "different-networks",
    where: b.path,
    message: `expected the network of ${a.path}, got another${other ? `: they differ in ${JSON.stringify(other[0])}` : ""}`,
    remedy: "compare two checkpoints of one architecture",
  }));
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
