/** Bytes of WebAssembly code, which may be nested as they are written. */
export type Code = readonly (number | Code)[];

/** A whole number in LEB128, unsigned. */
export function unsigned(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  do {
    const low = rest % 128;
    rest = Math.floor(rest / 128);
    bytes.push(rest > 0 ? low + 128 : low);
  } while (rest > 0);
  return bytes;
}

/** A whole number in LEB128, signed. */
export function signed(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const isDone = (rest === 0 && !(low & 0x40)) || (rest === -1 && low & 0x40);
    bytes.push(isDone ? low : low | 0x80);
    if (isDone) return bytes;
  }
}

const i32 = 0x7f;
const v128 = 0x7b;

/** Instructions by what they do; those with an argument take an address, a local or a number. */
export const instruction = {
  loop: [0x03, 0x40],
  end: [0x0b],
  branchIf: (depth: number) => [0x0d, ...unsigned(depth)],
  getLocal: (local: number) => [0x20, ...unsigned(local)],
  setLocal: (local: number) => [0x21, ...unsigned(local)],
  teeLocal: (local: number) => [0x22, ...unsigned(local)],
  i32Const: (value: number) => [0x41, ...signed(value)],
  i32Add: [0x6a],
  i32LessUnsigned: [0x49],
  load: (offset: number) => [0xfd, 0x00, 3, ...unsigned(offset)],
  /** One float64 into both lanes. */
  loadSplat: (offset: number) => [0xfd, 0x0a, 3, ...unsigned(offset)],
  store: (offset: number) => [0xfd, 0x0b, 3, ...unsigned(offset)],
  storeLane: (offset: number, lane: number) => [0xfd, 0x5b, 3, ...unsigned(offset), lane],
  /** The lanes exchanged. */
  swapLanes: [0xfd, 0x0d, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7],
  constant: (low: bigint, high: bigint) => [0xfd, 0x0c, ...littleEndian(low), ...littleEndian(high)],
  and: [0xfd, 0x4e],
  or: [0xfd, 0x50],
  bitSelect: [0xfd, 0x52],
  equal: [0xfd, 0x47],
  notEqual: [0xfd, 0x48],
  less: [0xfd, 0x49],
  lessOrEqual: [0xfd, 0x4b],
  abs: [0xfd, 0xec, 0x01],
  neg: [0xfd, 0xed, 0x01],
  sqrt: [0xfd, 0xef, 0x01],
  add: [0xfd, 0xf0, 0x01],
  sub: [0xfd, 0xf1, 0x01],
  mul: [0xfd, 0xf2, 0x01],
  div: [0xfd, 0xf3, 0x01],
  min: [0xfd, 0xf4, 0x01],
  max: [0xfd, 0xf5, 0x01],
  /** b < a ? b : a, and a < b ? b : a. */
  lower: [0xfd, 0xf6, 0x01],
  raise: [0xfd, 0xf7, 0x01],
  shiftLeft: [0xfd, 0xcb, 0x01],
  shiftRight: [0xfd, 0xcd, 0x01],
  addBits: [0xfd, 0xce, 0x01],
} as const;

function littleEndian(bits: bigint): number[] {
  return Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(8 * i)) & 0xffn));
}

/** A function without arguments and results, over the memory of its module. */
export interface WasmFunction {
  readonly body: Code;
  /** How many locals of each type it has, the ones of type i32 first. */
  readonly i32Locals: number;
  readonly v128Locals: number;
  readonly memoryBytes: number;
}

const pageBytes = 65_536;

/** The module that exports the function as "run" and its memory as "memory". */
export function wasmModule({ body, i32Locals, v128Locals, memoryBytes }: WasmFunction): Uint8Array<ArrayBuffer> {
  const locals = [
    ...vector([
      [...unsigned(i32Locals), i32],
      [...unsigned(v128Locals), v128],
    ]),
  ];
  const code = [...locals, ...flat(body), ...instruction.end];
  const pages = Math.ceil(memoryBytes / pageBytes);
  return Uint8Array.from(
    flat([
      [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      section(1, vector([[0x60, 0, 0]])),
      section(3, vector([[0]])),
      section(5, vector([[0x01, ...unsigned(pages), ...unsigned(pages)]])),
      section(7, vector([exported("run", 0x00), exported("memory", 0x02)])),
      section(10, vector([[...unsigned(code.length), ...code]])),
    ]),
  );
}

function section(id: number, content: number[]): Code {
  return [id, unsigned(content.length), content];
}

function vector(items: readonly Code[]): number[] {
  return flat([unsigned(items.length), items]);
}

function exported(name: string, kind: number): Code {
  const bytes = [...new TextEncoder().encode(name)];
  return [unsigned(bytes.length), bytes, kind, 0];
}

function flat(code: Code): number[] {
  return code.flat(Number.POSITIVE_INFINITY as 1) as number[];
}
