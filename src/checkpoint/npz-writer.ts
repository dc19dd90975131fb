import { check } from "../errors.ts";
import type { Tensor } from "../tensor/index.ts";
import { encodeNpy } from "./npy-writer.ts";
import { quote } from "./quote.ts";
import type { NamedTensors } from "./safetensors-writer.ts";
import { tensorPlace } from "./tensor-entry.ts";
import { type ZipFile, zipPieces } from "./zip-writer.ts";

/** The bytes of an npz archive, in pieces that share the tensors' memory: those of numpy.savez (NumPy 2). */
export function encodeNpz(tensors: NamedTensors): Uint8Array<ArrayBuffer>[] {
  return [...npzPieces(tensors)];
}

/** The same pieces one after another, each made when it is asked for. */
export function npzPieces(tensors: NamedTensors): Generator<Uint8Array<ArrayBuffer>> {
  return zipPieces(npyFiles(Symbol.iterator in tensors ? tensors : Object.entries(tensors)));
}

function* npyFiles(named: Iterable<readonly [string, Tensor]>): Generator<ZipFile> {
  const seen = new Set<string>();
  for (const [name, tensor] of named) {
    check(!seen.has(name), () => ({
      code: "bad-name",
      where: "npz",
      message: `two tensors are called ${quote(name)}`,
      remedy: "rename one",
    }));
    seen.add(name);
    yield { name: `${name}.npy`, pieces: encodeNpy(tensor, tensorPlace({ name: "npz" }, name)) };
  }
}
