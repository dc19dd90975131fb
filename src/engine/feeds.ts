import { check } from "../errors.ts";
import type { Value } from "../graph/index.ts";
import { formatShape, sameShape, type Tensor } from "../tensor/index.ts";
import type { Tensors } from "./engine.ts";

/** Throws unless `tensors` holds exactly what the values ask for. */
export function checkFeeds(inputs: readonly Value<"Input">[], feeds: Tensors): void {
  for (const { attributes } of inputs) checkTensor(attributes.name, attributes, feeds[attributes.name]);
}

/** Throws unless the tensor has the element type and shape expected under this name. */
export function checkTensor(
  name: string,
  expected: Pick<Tensor, "dtype" | "shape">,
  got: Pick<Tensor, "dtype" | "shape"> | undefined,
): void {
  check(got && got.dtype === expected.dtype && sameShape(got.shape, expected.shape), () => ({
    code: "bad-feed",
    where: name,
    message: `expected ${expected.dtype} ${formatShape(expected.shape)}, got ${got ? `${got.dtype} ${formatShape(got.shape)}` : "nothing"}`,
  }));
}
