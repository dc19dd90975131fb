import { crc32, deflateRawSync } from "node:zlib";
import { encodeZip } from "../../../src/checkpoint/zip-writer.ts";

/** What the two headers of the only entry are to say instead of the truth. */
export interface Claims {
  readonly length?: number;
  readonly crc?: number;
  readonly method?: number;
  readonly flags?: number;
}

/** An archive of one deflated entry. */
export function deflatedArchive(name: string, contents: Uint8Array, claims: Claims = {}): Uint8Array<ArrayBuffer> {
  const truth = { length: contents.length, crc: crc32(contents), method: 8 };
  return rawArchive(name, new Uint8Array(deflateRawSync(contents)), { ...truth, ...claims });
}

/** An archive of one entry, of these bytes as they are. */
export function rawArchive(name: string, bytes: Uint8Array<ArrayBuffer>, claims: Claims): Uint8Array<ArrayBuffer> {
  const archive = new Uint8Array(Buffer.concat(encodeZip([{ name, pieces: [bytes] }])));
  const view = new DataView(archive.buffer);
  const central = view.getUint32(archive.length - 6, true);
  view.setUint16(central + 8, claims.flags ?? 0, true);
  view.setUint16(central + 10, claims.method ?? 0, true);
  view.setUint16(8, claims.method ?? 0, true);
  if (claims.crc !== undefined) view.setUint32(central + 16, claims.crc, true);
  if (claims.length !== undefined) view.setUint32(central + 24, claims.length, true);
  return archive;
}
