import { InputError } from "../errors.ts";
import type { Value } from "./value.ts";

/** Throws the error that names the operator that cannot be computed. */
export function refuseOpaque({ attributes }: Value<"Opaque">): never {
  const { name, domain, node, reason } = attributes;
  throw new InputError({
    code: "opaque-operator",
    where: `node ${JSON.stringify(node)}`,
    message: `expected an operator that can be computed, got ${JSON.stringify(name)} of domain ${JSON.stringify(domain || "ai.onnx")} (${reason})`,
    remedy: "export the model with standard operators",
  });
}
