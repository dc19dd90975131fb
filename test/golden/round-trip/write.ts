/** Writes every file of written.ts: node test/golden/round-trip/write.ts FOLDER */
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { written } from "./written.ts";

const main = fileURLToPath(new URL("../../../src/cli/main.ts", import.meta.url));
const folder = process.argv[2];
if (!folder) throw new Error("usage: node test/golden/round-trip/write.ts FOLDER");
mkdirSync(folder, { recursive: true });
for (const [file, words] of Object.entries(written)) {
  const { status } = spawnSync(process.execPath, [main, ...words, "-o", join(folder, file), "--force"], {
    stdio: "inherit",
  });
  if (status !== 0) throw new Error(`expected ${file} to be written, got status ${status}`);
}
