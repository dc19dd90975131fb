import { randomBytes } from "node:crypto";
import { createReadStream } from "node:fs";
import { rename, rm, writeFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { check, InputError, type InputErrorDetails } from "../errors.ts";

const blockBytes = 512;

/** A file, folder or link of an archive. Its content can be read until the next member is asked for. */
export interface TarMember {
  readonly name: string;
  readonly isFile: boolean;
  readonly size: number;
  readonly content: AsyncIterable<Uint8Array>;
}

/** Writes the files of those names, wherever they lie in a .tar.gz archive, directly into `folder`, each atomically. */
export async function unpackFiles(archive: string, names: readonly string[], folder: string): Promise<void> {
  const missing = new Set(names);
  const unpack = async (chunks: AsyncIterable<Uint8Array>) => {
    for await (const member of readTar(chunks, archive)) {
      const name = posix.basename(member.name);
      if (member.isFile && missing.delete(name)) await writeWhole(join(folder, name), member.content);
    }
  };
  await pipeline(createReadStream(archive), createGunzip(), unpack).catch((error) => {
    throw error instanceof InputError ? error : new InputError(damaged(archive, (error as Error).message, error));
  });
  check(missing.size === 0, () => damaged(archive, `an archive without ${[...missing].join(", ")}`));
}

async function writeWhole(path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  const temporary = `${path}.${randomBytes(4).toString("hex")}.tmp`;
  try {
    await writeFile(temporary, content, { flush: true });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The members of a ustar archive in order, holding no more than a chunk of it in memory. */
export async function* readTar(chunks: AsyncIterable<Uint8Array>, where: string): AsyncGenerator<TarMember> {
  const take = taker(chunks);
  for (;;) {
    const block = await takeExactly(take, blockBytes, where);
    if (block.every((byte) => byte === 0)) return;
    const header = readHeader(block, where);
    let left = header.size;
    const content = async function* () {
      while (left > 0) {
        const chunk = await take(left);
        check(chunk.length > 0, () => damaged(where, `an end ${left} bytes early in ${header.name}`));
        left -= chunk.length;
        yield chunk;
      }
    };
    yield { ...header, content: content() };
    for await (const _ of content());
    if (header.size % blockBytes > 0) await takeExactly(take, blockBytes - (header.size % blockBytes), where);
  }
}

/** Gives between 1 and `most` bytes, or none at the end. */
type Take = (most: number) => Promise<Uint8Array>;

function taker(chunks: AsyncIterable<Uint8Array>): Take {
  const iterator = chunks[Symbol.asyncIterator]();
  let rest = new Uint8Array() as Uint8Array;
  return async (most) => {
    while (rest.length === 0) {
      const { done, value } = await iterator.next();
      if (done) return rest;
      rest = value;
    }
    const head = rest.subarray(0, most);
    rest = rest.subarray(head.length);
    return head;
  };
}

async function takeExactly(take: Take, count: number, where: string): Promise<Uint8Array> {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; ) {
    const chunk = await take(count - at);
    check(chunk.length > 0, () => damaged(where, "an archive that is cut short"));
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

function readHeader(block: Uint8Array, where: string): Omit<TarMember, "content"> {
  const checksum = octal(block.subarray(148, 156));
  const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
  const size = octal(block.subarray(124, 136));
  check(checksum === sum && size !== null, () => damaged(where, "a damaged header"));
  const isUstar = text(block.subarray(257, 263)) === "ustar";
  const prefix = isUstar ? text(block.subarray(345, 500)) : "";
  const name = text(block.subarray(0, 100));
  return { name: prefix ? `${prefix}/${name}` : name, isFile: block[156] === 0x30 || block[156] === 0, size };
}

function octal(field: Uint8Array): number | null {
  const digits = text(field).trim();
  return /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : null;
}

function text(field: Uint8Array): string {
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

function damaged(where: string, got: string, cause?: unknown): InputErrorDetails {
  return {
    code: "tar-damaged",
    where,
    message: `expected a whole .tar.gz archive, got ${got}`,
    remedy: "delete it and fetch it again",
    cause,
  };
}
