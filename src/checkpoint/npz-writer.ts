import { check } from "../errors.ts";
import { encodeNpy } from "./npy-writer.ts";
import { quote } from "./quote.ts";
import type { NamedTensors } from "./safetensors-writer.ts";
import { tensorPlace } from "./tensor-entry.ts";
import { encodeZip } from "./zip-writer.ts";

/** The bytes of an npz archive, in pieces that share the tensors' memory: those of numpy.savez (NumPy 2). */
export function encodeNpz(tensors: NamedTensors): Uint8Array<ArrayBuffer>[] {
  const named = Symbol.iterator in tensors ? [...tensors] : Object.entries(tensors);
  const seen = new Set<string>();
  const files = named.map(([name, tensor]) => {
    check(!seen.has(name), () => ({
      code: "bad-name",
      where: "npz",
      message: `two tensors are called ${quote(name)}`,
      remedy: "rename one",
    }));
    seen.add(name);
    return { name: `${name}.npy`, pieces: encodeNpy(tensor, tensorPlace({ name: "npz" }, name)) };
  });
  return encodeZip(files);
}
