import { readFileSync } from "node:fs";
import type { Tensor } from "../../../src/tensor/index.ts";
import { type DescribedTensor, rebuildTensor } from "../described-tensor.ts";

/** What flax was given; the values of types that Orbifold does not have are left out. */
type Described = Omit<DescribedTensor, "values"> & Partial<DescribedTensor>;

const expected: Record<string, [string, Described][]> = JSON.parse(
  readFileSync(new URL("expected.json", import.meta.url), "utf8"),
);

/** Names of the golden files. */
export const goldenNames = Object.keys(expected);

/** The bytes that flax wrote. */
export function goldenBytes(name: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(readFileSync(new URL(`${name}.msgpack`, import.meta.url)));
}

/** The arrays that flax was given, by name; null stands for types that Orbifold does not have. */
export function goldenTensors(name: string): (readonly [string, Tensor | null])[] {
  return (expected[name] ?? []).map(([key, { values, ...rest }]) => {
    return [key, values ? rebuildTensor({ ...rest, values }) : null] as const;
  });
}
