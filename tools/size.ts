import { globSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** Lines of code per folder, and the longest files: it informs, it does not judge. */
interface FileSize {
  readonly path: string;
  readonly lines: number;
  readonly comments: number;
}

const root = fileURLToPath(new URL("..", import.meta.url));

function sizeOf(path: string): FileSize {
  const lines = readFileSync(`${root}${path}`, "utf8").split("\n").slice(0, -1);
  const comments = lines.filter((line) => /^\s*(\/\/|\/\*|\*)/.test(line)).length;
  return { path, lines: lines.length, comments };
}

const paths = globSync("src/**/*.ts", { cwd: root }).filter((path) => !path.endsWith("digits-bytes.ts"));
const isTest = (path: string) => path.endsWith(".test.ts");
const sources = paths.filter((path) => !isTest(path)).map(sizeOf);
const tests = paths.filter(isTest).map(sizeOf);

function total(files: readonly FileSize[], pick: (file: FileSize) => number): number {
  return files.reduce((sum, file) => sum + pick(file), 0);
}

function row(name: string, files: readonly FileSize[], testFiles: readonly FileSize[]): string {
  const lines = total(files, (file) => file.lines);
  const share = (100 * total(files, (file) => file.comments)) / Math.max(1, lines);
  const cells = [files.length, lines, `${share.toFixed(0)} %`, total(testFiles, (file) => file.lines)];
  return name.padEnd(26) + cells.map((cell) => String(cell).padStart(10)).join("");
}

const folders = [...new Set(sources.map(({ path }) => dirname(path)))].sort();
const inside = (folder: string) => (file: FileSize) => dirname(file.path) === folder;
const table = [
  "folder".padEnd(26) + ["files", "lines", "comments", "tests"].map((cell) => cell.padStart(10)).join(""),
  ...folders.map((folder) => row(folder, sources.filter(inside(folder)), tests.filter(inside(folder)))),
  row("total", sources, tests),
  "",
  "longest files",
  ...sources
    .toSorted((a, b) => b.lines - a.lines)
    .slice(0, 10)
    .map(({ path, lines }) => `${String(lines).padStart(6)}  ${path}`),
];
process.stdout.write(`${table.join("\n")}\n`);
