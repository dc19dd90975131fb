import { readFileSync, writeFileSync } from "node:fs";
import { gunzipSync, gzipSync } from "node:zlib";

const [source] = process.argv.slice(2);
if (!source) {
  process.stderr.write("usage: node tools/embed-digits.ts digits.csv.gz\n");
  process.exit(2);
}

const lines = gunzipSync(readFileSync(source)).toString().trim().split("\n");
const rows = lines.map((line) => line.split(",").map(Number));
const isDigit = (row: number[]) => row.length === 65 && row.every((value) => value >= 0 && value <= 16);
if (rows.length !== 1797 || !rows.every(isDigit)) {
  throw new Error(`${source}: expected 1797 rows of 64 pixels in 0..16 and a label, got ${rows.length} rows`);
}

const base64 = gzipSync(Buffer.from(rows.flat()), { level: 9 }).toString("base64");
const text = `// Made by tools/embed-digits.ts; do not edit.

/**
 * The 1797 handwritten digits as gzip in base64: rows of 65 bytes, 64 pixels in 0..16 and the label.
 * Test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository,
 * doi:10.24432/C50P49, CC BY 4.0), in the order of scikit-learn's load_digits.
 */
export const digitsBytes = \`
${base64.match(/.{1,116}/g)?.join("\n")}
\`;
`;
writeFileSync(new URL("../src/data/digits-bytes.ts", import.meta.url), text);
