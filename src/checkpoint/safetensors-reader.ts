import { check } from "../errors.ts";
import { tensorFromBytes } from "../tensor/index.ts";
import type { ByteSource } from "./byte-source.ts";
import type { LocatedCheckpoint } from "./checkpoint.ts";
import { LONGEST_HEADER, PREFIX_BYTES } from "./safetensors-format.ts";
import { parseHeader } from "./safetensors-header.ts";
import { readableEntry } from "./tensor-entry.ts";

/**
 * Opens a safetensors file (https://huggingface.co/docs/safetensors): reads and validates its header, and later each
 * tensor by a read of its own bytes alone.
 */
export async function openSafetensors(source: ByteSource): Promise<LocatedCheckpoint> {
  const start = PREFIX_BYTES + (await readHeaderLength(source));
  const header = await source.read(PREFIX_BYTES, start - PREFIX_BYTES);
  check(header[0] === 0x7b, () => notSafetensors(source, "expected a header that starts with {, got other bytes"));
  const { metadata, entries } = parseHeader(header, { name: source.name, start, end: source.size });
  const { readNow } = source;
  return {
    format: "safetensors",
    metadata,
    entries,
    read: async (name) => {
      const { dtype, shape, offset, length } = readableEntry(source, name, entries);
      return tensorFromBytes(dtype, shape, await source.read(offset, length));
    },
    ...(readNow && {
      readNow: (name) => {
        const { dtype, shape, offset, length } = readableEntry(source, name, entries);
        return tensorFromBytes(dtype, shape, readNow(offset, length));
      },
    }),
  };
}

async function readHeaderLength(source: ByteSource): Promise<number> {
  const { name, size } = source;
  check(size >= PREFIX_BYTES, () => notSafetensors(source, `expected at least ${PREFIX_BYTES} bytes, got ${size}`));
  const prefix = await source.read(0, PREFIX_BYTES);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  check(length <= LONGEST_HEADER, () =>
    notSafetensors(source, `expected a header of at most ${LONGEST_HEADER} bytes, its first 8 bytes say ${length}`),
  );
  check(Number(length) <= size - PREFIX_BYTES, () => ({
    code: "truncated",
    where: name,
    message: `its header takes ${length} bytes, only ${size - PREFIX_BYTES} follow`,
    remedy: "copy or download it again",
  }));
  return Number(length);
}

function notSafetensors({ name }: ByteSource, message: string) {
  return { code: "not-safetensors", where: name, message, remedy: "check that it is a safetensors file" };
}
