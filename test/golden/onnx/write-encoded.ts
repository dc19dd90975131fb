/** Writes every model of encoded-models.ts as a file: node test/golden/onnx/write-encoded.ts FOLDER */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodedModels } from "./encoded-models.ts";

const folder = process.argv[2];
if (!folder) throw new Error("usage: node test/golden/onnx/write-encoded.ts FOLDER");
mkdirSync(folder, { recursive: true });
for (const [name, encode] of Object.entries(encodedModels)) writeFileSync(join(folder, `${name}.onnx`), encode());
