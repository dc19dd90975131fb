import { check } from "../errors.ts";
import { type Tensor, tensor } from "../tensor/index.ts";

/** Stored class numbers as int32 [N], each checked to be below `classes`. */
export function classLabels(stored: Uint8Array, classes: number, where: string): Tensor<"int32"> {
  const outside = stored.findIndex((label) => label >= classes);
  check(outside === -1, () => ({
    code: "bad-label",
    where,
    message: `expected labels from 0 to ${classes - 1}, got ${stored[outside]} for sample ${outside}`,
  }));
  return tensor("int32", [stored.length], Int32Array.from(stored));
}
