import { readFileSync } from "node:fs";
import { allocate, type DType, fromNumbers, isFloat, type Tensor, tensor } from "../../../src/tensor/index.ts";

interface Described {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: (number | string | boolean)[];
}

interface Golden {
  readonly metadata: Record<string, string> | null;
  readonly tensors: [string, Described][];
}

const expected: Record<string, Golden> = JSON.parse(readFileSync(new URL("expected.json", import.meta.url), "utf8"));

/** Names of the golden files. */
export const goldenNames = Object.keys(expected);

/** The bytes that the reference wrote. */
export function goldenBytes(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`${name}.safetensors`, import.meta.url)));
}

/** What the reference was given, rebuilt from expected.json; null stands for types that Orbifold does not have. */
export function goldenTensors(name: string) {
  const { metadata, tensors } = expected[name] as Golden;
  return { metadata, tensors: tensors.map(([key, described]): [string, Tensor | null] => [key, rebuild(described)]) };
}

function rebuild({ dtype, shape, values }: Described): Tensor | null {
  if (dtype.startsWith("float8")) return null;
  const type = dtype as DType;
  if (isFloat(type)) return fromNumbers(type, values.map(number), shape);
  const data = allocate(type, values.length) as unknown as Record<number, unknown>;
  const isWide = type === "int64" || type === "uint64";
  values.forEach((value, i) => {
    data[i] = isWide ? BigInt(value) : Number(value);
  });
  return tensor(type, shape, data as never);
}

function number(value: number | string | boolean): number {
  return Number(String(value).replace("inf", "Infinity"));
}
