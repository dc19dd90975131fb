import { check } from "../errors.ts";
import { npzPieces } from "./npz-writer.ts";
import { type NamedTensors, safetensorsPieces } from "./safetensors-writer.ts";

const writers = { safetensors: safetensorsPieces, npz: npzPieces } as const;

/** The formats of weights that can be written; each is the extension of its files. */
export type WritableFormat = keyof typeof writers;

/** The format in which a file of this name is written. */
export function writableFormat(path: string): WritableFormat {
  const extension = /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
  check(Object.hasOwn(writers, extension), () => ({
    code: "unknown-format",
    where: path,
    message: `expected a name that ends in ${Object.keys(writers)
      .map((format) => `.${format}`)
      .join(" or ")}`,
    remedy: "choose another -o",
  }));
  return extension as WritableFormat;
}

/**
 * The bytes of a checkpoint in pieces that share the tensors' memory, each made when it is asked for. Only safetensors
 * holds metadata.
 */
export function encodeCheckpoint(
  format: WritableFormat,
  tensors: NamedTensors,
  metadata: Readonly<Record<string, string>> = {},
): Iterable<Uint8Array<ArrayBuffer>> {
  const isBare = Object.keys(metadata).length === 0;
  check(format === "safetensors" || isBare, () => ({
    code: "no-metadata",
    where: format,
    message: `expected no metadata, which it cannot hold, got ${Object.keys(metadata).join(", ")}`,
    remedy: "write safetensors",
  }));
  return isBare ? writers[format](tensors) : safetensorsPieces(tensors, metadata);
}
