import { readdirSync, readFileSync } from "node:fs";

/** A file written by Google's serialiser, and what its JSON mapping says is in it. */
export interface Golden {
  readonly name: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly content: Readonly<Record<string, unknown>>;
}

const folder = new URL("./", import.meta.url);

/** The golden of this name, such as "attributes". */
export function golden(name: string): Golden {
  const bytes = new Uint8Array(readFileSync(new URL(`${name}.onnx`, folder)));
  return { name, bytes, content: JSON.parse(readFileSync(new URL(`${name}.json`, folder), "utf8")) };
}

/** Every golden. */
export const goldens: readonly Golden[] = readdirSync(folder)
  .filter((file) => file.endsWith(".onnx"))
  .map((file) => golden(file.slice(0, -".onnx".length)));
