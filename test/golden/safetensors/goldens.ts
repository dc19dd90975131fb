import { readFileSync } from "node:fs";
import type { Tensor } from "../../../src/tensor/index.ts";
import { type DescribedTensor, rebuildTensor } from "../described-tensor.ts";

interface Golden {
  readonly metadata: Record<string, string> | null;
  readonly tensors: [string, DescribedTensor][];
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

function rebuild(described: DescribedTensor): Tensor | null {
  return described.dtype.startsWith("float8") ? null : rebuildTensor(described);
}
