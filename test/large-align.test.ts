import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeSafetensors } from "../src/checkpoint/index.ts";
import { encodeModelFile, initializeParameters, llama, mlp } from "../src/nets/index.ts";
import { writePartial } from "../src/node/index.ts";
import { convert, rngKey } from "../src/tensor/index.ts";
import { appearance, contentsOf, orbifold, start, temporaryFolder } from "./commands/orbifold.ts";
import { readSafetensors } from "./commands/symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());
const at = (...parts: readonly string[]) => join(folder.path, ...parts);
const bytes = (...parts: readonly string[]) => readFileSync(at(...parts)).toString("hex");

const dense = mlp({ input: [64], widths: [160, 160, 160], outputs: 10 });
const language = llama({ vocabulary: 40, context: 12, width: 16, depth: 2, heads: 4, kvHeads: 2, hidden: 24 });
const inPieces = ["--memory", "0"];

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

beforeAll(() => {
  for (const [i, which] of ["a", "b"].entries()) {
    writeFileSync(
      at(`${which}.safetensors`),
      Buffer.concat(encodeModelFile(dense, initializeParameters(dense, rngKey(i)))),
    );
    const words = Object.entries(initializeParameters(language, rngKey(i)));
    const half = words.map(([name, tensor]) => [name, convert(tensor, "bfloat16")] as const);
    writeFileSync(at(`words-${which}.safetensors`), Buffer.concat(encodeModelFile(language, Object.fromEntries(half))));
    mkdirSync(at(`shards-${which}`));
    const parts = { "one.safetensors": half.slice(0, 5), "two.safetensors": half.slice(5) };
    const map = Object.entries(parts).flatMap(([file, tensors]) => tensors.map(([name]) => [name, file]));
    for (const [file, tensors] of Object.entries(parts)) {
      writeFileSync(at(`shards-${which}`, file), Buffer.concat(encodeSafetensors(tensors)));
    }
    const index = JSON.stringify({ weight_map: Object.fromEntries(map) });
    writeFileSync(at(`shards-${which}`, "model.safetensors.index.json"), index);
  }
});

describe("checkpoints read tensor by tensor", () => {
  it.each([
    ["a.safetensors", "b.safetensors", "safetensors", []],
    ["a.safetensors", "b.safetensors", "npz", []],
    ["words-a.safetensors", "words-b.safetensors", "safetensors", []],
    ["shards-a", "shards-b", "safetensors", ["--heads", "4", "--kv-heads", "2"]],
  ])("align %s, %s to the same bytes of %s and sidecar as whole ones", async (a, b, format, options) => {
    const out = `${a.split(".")[0]}-out.${format}`;
    const align = (...more: readonly string[]) => json("align", a, b, "-o", out, "--force", ...options, ...more);
    const whole = await align();
    const expected = [bytes(out), bytes(`${out}.json`)];
    const lazy = await align(...inPieces);
    expect([bytes(out), bytes(`${out}.json`)]).toEqual(expected);
    expect(whole.certificate).toMatchObject({ ok: true, inPieces: false, isRestored: null });
    expect(lazy.certificate).toMatchObject({ ok: true, inPieces: true, isRestored: true, precision: "float64" });
    expect(lazy.objective).toEqual(whole.objective);
    await json("replay", `${out}.json`, "-o", `again-${out}`, "--force", ...inPieces);
    expect(bytes(`again-${out}`)).toBe(expected[0]);
  });
});

describe("an alignment that is stopped", () => {
  const words = (out: string) => [
    "align",
    "a.safetensors",
    "b.safetensors",
    "-o",
    out,
    "--restarts",
    "16",
    ...inPieces,
  ];
  const out = "resumed/out.safetensors";
  const partial = `${out}.partial`;

  beforeAll(async () => {
    for (const name of ["resumed", "whole"]) mkdirSync(at(name));
    expect(await json(...words("whole/out.safetensors"))).toMatchObject({ partial: "none" });
    expect(contentsOf(at("whole"))).toEqual(["out.safetensors", "out.safetensors.json"]);
  });

  /** Starts it, and sends a signal once the file with its state was seen to change so many times. */
  async function stopped(signal: NodeJS.Signals, changes: number) {
    let last = existsSync(at(partial)) ? bytes(partial) : "";
    const child = start(folder.path, ...words(out));
    await appearance(at(partial));
    for (let seen = 0; seen < changes && child.exitCode === null; await setTimeout(1)) {
      const state = bytes(partial);
      if (state !== last) seen++;
      last = state;
    }
    child.kill(signal);
    return child.ended;
  }

  it("goes on from there to the same bytes, however often and however it was stopped", async () => {
    expect((await stopped("SIGKILL", 1)).status).toBe("SIGKILL");
    const interrupted = await stopped("SIGINT", 2);
    expect(interrupted.status).toBe(130);
    expect(interrupted.stderr).toBe("orbifold: align: stopped while matching; the same command goes on from there\n");
    expect((await stopped("SIGKILL", 3)).status).toBe("SIGKILL");
    expect(existsSync(at(out))).toBe(false);
    copyFileSync(at(partial), at("kept.partial"));
    expect(await json(...words(out))).toMatchObject({ partial: "same" });
    expect(bytes(out)).toBe(bytes("whole", "out.safetensors"));
    const sidecars = ["resumed", "whole"].map((name) => bytes(name, "out.safetensors.json"));
    expect(sidecars[0]).toBe(sidecars[1]);
    expect(existsSync(at(partial))).toBe(false);
  });

  it("counts the sweeps on from those of its state", async () => {
    const { metadata, tensors } = await readSafetensors(at("kept.partial"));
    const { settings, rest } = JSON.parse(metadata["orbifold.partial"] as string);
    const descent = { ...rest.descent, sweeps: 100 };
    await writePartial(at(partial), { tensors, rest: { ...rest, descent } }, settings);
    for (const file of [out, `${out}.json`]) rmSync(at(file));
    const { partial: found, starts } = await json(...words(out));
    expect(found).toBe("same");
    expect(starts[rest.runs.length].sweeps).toBeGreaterThanOrEqual(100);
  });

  it("starts anew where its state is damaged, cut short, or of another seed, and says so", async () => {
    const damaged = readFileSync(at("kept.partial"));
    damaged[damaged.length - 9] = (damaged.at(-9) as number) ^ 1;
    for (const [prepare, options] of [
      [() => writeFileSync(at(partial), damaged), []],
      [() => truncateSync(at(partial), 1000), []],
      [() => {}, ["--seed", "1"]],
    ] as const) {
      copyFileSync(at("kept.partial"), at(partial));
      prepare();
      const { status, stdout } = await orbifold(folder.path, ...words(out), "--force", ...options);
      expect(status).toBe(0);
      expect(stdout).toContain(`${partial} is damaged or of another alignment: started anew\n`);
      if (options.length === 0) expect(bytes(out)).toBe(bytes("whole", "out.safetensors"));
      expect(existsSync(at(partial))).toBe(false);
    }
  });
});
