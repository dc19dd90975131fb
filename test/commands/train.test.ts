import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { openSafetensors, readAll } from "../../src/checkpoint/index.ts";
import { fileSource } from "../../src/node/index.ts";
import { toNumbers } from "../../src/tensor/index.ts";
import { appearance, contentsOf, orbifold, start, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const short = ["train", "mlp", "--data", "digits", "--widths", "12", "--epochs", "2", "--batch", "32"];

/** So many steps that even a fast machine has time to be interrupted three times. */
const long = ["train", "mlp", "--data", "digits", "--widths", "12", "--epochs", "600", "--batch", "16", "--seed", "3"];

/** Never done: to be interrupted. */
const endless = ["train", "mlp", "--data", "digits", "--widths", "12", "--epochs", "1000000", "--batch", "16"];

function bytes(...path: readonly string[]): string {
  return readFileSync(join(folder.path, ...path)).toString("hex");
}

async function succeed(...words: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout;
}

describe("the same seed", () => {
  it("gives the same file, on one thread and on two, in any folder", async () => {
    await succeed(...short, "--threads", "1", "-o", "one");
    await succeed(...short, "--threads", "2", "-o", "two");
    await succeed(...short, "--threads", "2", "-q", "-o", "deep/three");
    expect(bytes("two", "mlp-seed0.safetensors")).toBe(bytes("one", "mlp-seed0.safetensors"));
    expect(bytes("deep/three", "mlp-seed0.safetensors")).toBe(bytes("one", "mlp-seed0.safetensors"));
  });

  it("gives the same files for several networks, each another one", async () => {
    await succeed(...short, "--count", "3", "--seed", "5", "--threads", "1", "-o", "many1");
    await succeed(...short, "--count", "3", "--seed", "5", "--threads", "2", "-o", "many2");
    const files = contentsOf(join(folder.path, "many1"));
    expect(files).toEqual([5, 6, 7].map((seed) => `mlp-seed${seed}.safetensors`));
    for (const file of files) expect(bytes("many2", file)).toBe(bytes("many1", file));
    expect(new Set(files.map((file) => bytes("many1", file))).size).toBe(3);
  });
});

describe("--force", () => {
  it("replaces what is there", async () => {
    await succeed(...short, "-o", "forced");
    const before = bytes("forced", "mlp-seed0.safetensors");
    await succeed(...short, "--lr", "0.05", "--force", "-o", "forced");
    expect(bytes("forced", "mlp-seed0.safetensors")).not.toBe(before);
    expect(contentsOf(join(folder.path, "forced"))).toEqual(["mlp-seed0.safetensors"]);
  });
});

describe("an interrupted run", () => {
  const state = "mlp-state.safetensors";

  it("keeps its state, and resumed gives the bytes of one that was not interrupted", async () => {
    await succeed(...long, "-o", "whole");
    let words = [...long, "-o", "parts"];
    for (const signal of ["SIGINT", "SIGTERM", "SIGINT"] as const) {
      const child = start(folder.path, ...words);
      await appearance(join(folder.path, "parts", ".orbifold-lock"));
      await setTimeout(100);
      child.kill(signal);
      const { status, stdout, stderr } = await child.ended;
      expect(stderr).toMatch(
        /^orbifold: train: stopped after step \d+ of 53400; the same command with --resume goes on from there\n$/,
      );
      expect({ status, stdout }).toEqual({ status: 130, stdout: "" });
      expect(contentsOf(join(folder.path, "parts"))).toEqual([state]);
      words = [...long, "--resume", "-o", "parts"];
    }
    await succeed(...words);
    expect(contentsOf(join(folder.path, "parts"))).toEqual(["mlp-seed3.safetensors"]);
    expect(bytes("parts", "mlp-seed3.safetensors")).toBe(bytes("whole", "mlp-seed3.safetensors"));
  });

  it("is resumed only by the same command", async () => {
    const child = start(folder.path, ...endless, "-o", "same");
    await appearance(join(folder.path, "same", ".orbifold-lock"));
    child.kill("SIGINT");
    expect((await child.ended).status).toBe(130);
    const before = bytes("same", state);
    for (const [change, message] of [
      [["--lr", "0.5"], 'expected optimizer {.*"learningRate":0.02.*} of the run to resume, got {.*0.5.*}'],
      [["--widths", "13"], "expected network {.*} of the run to resume"],
      [["--samples", "100"], "expected data {.*} of the run to resume"],
      [["--seed", "4"], "expected seeds \\[0\\] of the run to resume, got \\[4\\]"],
      [["--epochs", "9"], "expected epochs 1000000 of the run to resume, got 9"],
      [["--engine", "reference"], 'expected engine "cpu" of the run to resume, got "reference"'],
    ] as const) {
      const { status, stderr } = await orbifold(folder.path, ...endless, ...change, "--resume", "-o", "same");
      expect(stderr).toMatch(new RegExp(`^orbifold: same/${state}: ${message}.*; resume with the same options, .*\n$`));
      expect(status).toBe(2);
    }
    expect(bytes("same", state)).toBe(before);
  });

  it("is heard by the reference engine, too", async () => {
    const child = start(folder.path, ...endless, "--engine", "reference", "-o", "slow");
    await appearance(join(folder.path, "slow", ".orbifold-lock"));
    child.kill("SIGINT");
    expect(await child.ended).toMatchObject({ status: 130, stdout: "" });
    expect(contentsOf(join(folder.path, "slow"))).toEqual([state]);
  });
});

describe("a folder in which a run writes", () => {
  it("is refused to another process, and free again afterwards", async () => {
    const first = start(folder.path, ...endless, "-o", "shared");
    await appearance(join(folder.path, "shared", ".orbifold-lock"));
    const { status, stdout, stderr } = await orbifold(folder.path, ...short, "-o", "shared");
    first.kill("SIGINT");
    expect(stderr).toMatch(
      new RegExp(`^orbifold: another orbifold process \\(pid ${first.pid}\\) is writing to shared; wait or .*\n$`),
    );
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect((await first.ended).status).toBe(130);
    await succeed(...short, "--force", "-o", "shared");
  });

  it("may have been left by a process that was killed", async () => {
    const killed = start(folder.path, ...endless, "-o", "killed");
    await appearance(join(folder.path, "killed", ".orbifold-lock"));
    await setTimeout(100);
    killed.kill("SIGKILL");
    expect((await killed.ended).status).toBe("SIGKILL");
    await succeed(...short, "-o", "killed");
    expect(contentsOf(join(folder.path, "killed"))).toEqual(["mlp-seed0.safetensors"]);
  });
});

describe("a run that diverges", () => {
  it("ends with status 1 and one line, and keeps the last good state", async () => {
    const words = [...short, "--lr", "1e20", "--schedule", "constant", "-o", "diverged"];
    const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
    expect(stderr).toMatch(
      /^orbifold: train: expected a finite loss, got (?:NaN|Infinity) for network 1 at step \d+ with learning rate 100000000000000000000; lower the learning rate .*; the last good state, after step \d+, is in diverged\/mlp-state.safetensors\n$/,
    );
    expect(status).toBe(1);
    expect(JSON.parse(stdout).error).toMatchObject({ code: "diverged", where: "train" });
    expect(contentsOf(join(folder.path, "diverged"))).toEqual(["mlp-state.safetensors"]);
    await using source = await fileSource(join(folder.path, "diverged", "mlp-state.safetensors"));
    for (const tensor of Object.values(await readAll(await openSafetensors(source)))) {
      expect(toNumbers(tensor).every(Number.isFinite)).toBe(true);
    }
  });
});
