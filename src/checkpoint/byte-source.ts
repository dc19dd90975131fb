import { InputError } from "../errors.ts";

/** Bytes of a known size that can be read in pieces: a file, a Blob, memory. */
export interface ByteSource {
  /** What error messages call it: a path or a file name. */
  readonly name: string;
  readonly size: number;
  /** Exactly `length` bytes from `offset`; the caller keeps to the size and does not write into the result. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  /** The same at once, where the bytes need not be waited for. */
  readonly readNow?: (offset: number, length: number) => Uint8Array<ArrayBuffer>;
}

/** Bytes in memory; what is read shares them. */
export function bytesSource(name: string, bytes: Uint8Array<ArrayBuffer>): ByteSource {
  const readNow = (offset: number, length: number) => bytes.subarray(offset, offset + length);
  return { name, size: bytes.byteLength, read: async (offset, length) => readNow(offset, length), readNow };
}

/** A Blob or a File chosen in a browser; only what is read enters memory. */
export function blobSource(blob: Blob, name = "name" in blob ? String(blob.name) : "blob"): ByteSource {
  const read = async (offset: number, length: number) => {
    try {
      return new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer());
    } catch (cause) {
      const message = `bytes ${offset} to ${offset + length} cannot be read: ${cause}`;
      throw new InputError({ code: "unreadable", where: name, message, remedy: "choose the file again", cause });
    }
  };
  return { name, size: blob.size, read };
}
