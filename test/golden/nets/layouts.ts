import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import type { StoredTensors } from "../../../src/nets/index.ts";
import type { Shape } from "../../../src/tensor/index.ts";

const written: Readonly<Record<string, Readonly<Record<string, Shape>>>> = JSON.parse(
  gunzipSync(readFileSync(new URL("layouts.json.gz", import.meta.url))).toString("utf8"),
);

/** What generate_layouts.py wrote: the tables of contents of checkpoints by the names of their models. */
export function layoutOf(name: string): StoredTensors {
  return new Map(Object.entries(written[name] as Readonly<Record<string, Shape>>).map(([key, shape]) => [key, { shape }]));
}
