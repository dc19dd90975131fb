import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { fromNumbers } from "../tensor/index.ts";
import { readPartial, writePartial } from "./partial-file.ts";

const folder = mkdtempSync(join(tmpdir(), "orbifold-partial-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "out.partial");
const work = {
  tensors: { x: fromNumbers("float64", [0.1, -0, 1e-300]), i: fromNumbers("int32", [3]) },
  rest: [1, 0.1],
};
const settings = { seed: 1, of: "this" };

it("gives back what was written under the same settings, and replaces it", async () => {
  expect(await readPartial(path, settings)).toBe("none");
  await writePartial(path, { tensors: {}, rest: null }, settings);
  await writePartial(path, work, settings);
  expect(await readPartial(path, settings)).toEqual(work);
  expect(await readPartial(path, { ...settings, seed: 2 })).toBe("other");
});

it("takes nothing from a file that is damaged, cut short or of something else", async () => {
  await writePartial(path, work, settings);
  const bytes = readFileSync(path);
  for (let at = 0; at < bytes.length; at++) {
    writeFileSync(path, bytes.with(at, (bytes[at] as number) ^ 1));
    const found = await readPartial(path, settings);
    if (found !== "other") expect(found, `byte ${at}`).toEqual(work);
  }
  writeFileSync(path, bytes.with(bytes.length - 3, (bytes.at(-3) as number) ^ 1));
  expect(await readPartial(path, settings)).toBe("other");
  truncateSync(path, bytes.length - 1);
  expect(await readPartial(path, settings)).toBe("other");
  writeFileSync(path, "");
  expect(await readPartial(path, settings)).toBe("other");
  rmSync(path);
  mkdirSync(path);
  expect(await readPartial(path, settings)).toBe("other");
});
