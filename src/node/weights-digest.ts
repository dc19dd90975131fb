import { createHash } from "node:crypto";
import type { Parameters } from "../nets/index.ts";
import { letGo, tensorBytes } from "../tensor/index.ts";

/** SHA-256 of the names, types, shapes and bytes of parameters, whatever file they came from. */
export function weightsDigest(parameters: Parameters): string {
  const hash = createHash("sha256");
  for (const name of Object.keys(parameters).sort()) {
    const value = parameters[name] as Parameters[string];
    hash.update(JSON.stringify([name, value.dtype, value.shape]));
    hash.update(tensorBytes(value));
    letGo(value);
  }
  return hash.digest("hex");
}
