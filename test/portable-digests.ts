import { blobSource, openSafetensors, readAll } from "../src/checkpoint/index.ts";
import { digitsDataset } from "../src/data/index.ts";
import { fold, normal, permutation, rngKey, type Tensor, tensorBytes, uniform } from "../src/tensor/index.ts";

const key = fold(rngKey(7), "portable", 3);

/** SHA-256 of what must have the same bytes wherever it is computed, by name; plain data. */
export async function portableDigests(safetensors: Uint8Array<ArrayBuffer>): Promise<Record<string, string>> {
  const { train, test } = await digitsDataset();
  const checkpoint = await readAll(await openSafetensors(blobSource(new Blob([safetensors]))));
  const bytes: Record<string, Uint8Array<ArrayBuffer>> = {
    "digits, train inputs": tensorBytes(train.inputs),
    "digits, train targets": tensorBytes(train.targets),
    "digits, test inputs": tensorBytes(test.inputs),
    "digits, test targets": tensorBytes(test.targets),
    "uniform float32": tensorBytes(uniform(key, [1001])),
    "uniform float64": tensorBytes(uniform(key, [1001], { dtype: "float64", low: -3, high: 5 })),
    "normal float32": tensorBytes(normal(key, [1001])),
    "normal float64": tensorBytes(normal(key, [1001], { dtype: "float64" })),
    permutation: new Uint8Array(permutation(key, 1001).buffer),
    ...tensorsBytes(checkpoint),
  };
  const digests = Object.entries(bytes).map(async ([name, each]) => [name, await sha256(each)] as const);
  return Object.fromEntries(await Promise.all(digests));
}

function tensorsBytes(tensors: Readonly<Record<string, Tensor>>): Record<string, Uint8Array<ArrayBuffer>> {
  return Object.fromEntries(Object.entries(tensors).map(([name, each]) => [`safetensors, ${name}`, tensorBytes(each)]));
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
