import { bytesSource } from "../../../src/checkpoint/byte-source.ts";
import { encodeZip } from "../../../src/checkpoint/zip-writer.ts";

/** Opcodes and arguments of a pickle, a character for each byte. */
export type Code = string;

export function littleEndian(value: number | bigint, size: number): Code {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigInt64(0, BigInt(value), true);
  return String.fromCharCode(...bytes.subarray(0, size));
}

export function text(value: string): Code {
  return `X${littleEndian(value.length, 4)}${value}`;
}

export function integer(value: number): Code {
  return `\x8a\x08${littleEndian(value, 8)}`;
}

export function tuple(...items: Code[]): Code {
  return `(${items.join("")}t`;
}

export function global(module: string, name: string): Code {
  return `c${module}\n${name}\n`;
}

export function call(module: string, name: string, ...args: Code[]): Code {
  return `${global(module, name)}${tuple(...args)}R`;
}

export function dict(entries: Readonly<Record<string, Code>>): Code {
  const items = Object.entries(entries).map(([key, value]) => text(key) + value);
  return `}(${items.join("")}u`;
}

export interface View {
  readonly key?: string;
  readonly storage?: string;
  readonly count?: number;
  readonly offset?: number;
  readonly size?: number[];
  readonly stride?: number[];
}

/** A call of _rebuild_tensor_v2; by default of two floats. */
export function tensorCode({ key = "0", storage = "FloatStorage", count = 2, offset = 0, size = [2], stride = [1] }: View): Code {
  const id = tuple(text("storage"), global("torch", storage), text(key), text("cpu"), integer(count));
  const sizes = [size, stride].map((numbers) => tuple(...numbers.map(integer)));
  return call("torch._utils", "_rebuild_tensor_v2", `${id}Q`, integer(offset), ...sizes, "\x89", "}");
}

export function bytesOf(code: Code): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.from(code, "latin1"));
}

/** A whole pickle of protocol 2. */
export function pickleOf(code: Code): Uint8Array<ArrayBuffer> {
  return bytesOf(`\x80\x02${code}.`);
}

const twoFloats = new Uint8Array(new Float32Array([1, 2]).buffer);

/** A PyTorch archive of this pickle and these storages. */
export function torchArchive(
  code: Code,
  storages: Readonly<Record<string, Uint8Array<ArrayBuffer>>> = { "0": twoFloats },
): Uint8Array<ArrayBuffer> {
  const data = Object.entries(storages).map(([key, bytes]) => ({ name: `net/data/${key}`, pieces: [bytes] }));
  const files = [{ name: "net/data.pkl", pieces: [pickleOf(code)] }, ...data];
  return new Uint8Array(Buffer.concat(encodeZip(files)));
}

/** The bytes of a checkpoint under the name that messages show. */
export function named(bytes: Uint8Array<ArrayBuffer>) {
  return bytesSource("net.pt", bytes);
}
