import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Paper, papers, type Study } from "../papers/index.ts";
import { doPaper, type PaperProgress } from "./paper-work.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "orbifold-paper-"));
  for (const name of ["one", "two", "stopped", "broken"]) await mkdir(join(folder, name));
});
afterAll(() => rm(folder, { recursive: true }));

const simsek = papers.simsek2021 as Paper;
const students = simsek.studies.find(({ name }) => name === "students") as Study;

/** The paper with three blocks of Adam of some steps each, of which each goes on where the one before ends. */
function shortened(steps: number): Paper {
  const block = (number: number) => ({
    activation: "sigmoid",
    width: 2,
    seeds: [1, 2],
    stage: "adam",
    method: "newton",
    gradientTolerance: 1e-8,
    iterations: 10,
    block: number,
    steps,
  });
  return { ...simsek, studies: [{ ...students, tasks: () => [1, 2, 3].map(block) }] };
}

describe("doPaper", () => {
  const options = (name: string, threads: number) => ({
    folder: join(folder, name),
    version: "1",
    engine: "cpu" as const,
    threads,
    dataDir: undefined,
    signal: new AbortController().signal,
    onProgress: () => {},
  });

  it("lets work wait for what it builds on, and gives the same on any number of threads", async () => {
    const paper = shortened(5);
    const progress: PaperProgress[] = [];
    const [one, two] = await Promise.all([
      doPaper(paper, { quick: false }, options("one", 1)),
      doPaper(paper, { quick: false }, { ...options("two", 2), onProgress: (news) => progress.push(news) }),
    ]);
    expect(two).toEqual(one);
    expect(one?.computed).toBe(3);
    const losses = one?.done.map((each) => ("result" in each ? JSON.stringify(each.result) : each.missing));
    expect(new Set(losses).size).toBe(3);
    expect(progress.at(-1)).toEqual({ done: 3, total: 3, study: "students" });
    const again = await doPaper(paper, { quick: false }, options("one", 1));
    expect(again).toEqual({ done: one?.done, computed: 0 });
  });

  it("stops where the signal is raised, and says how far it came", async () => {
    const controller = new AbortController();
    const stopped = doPaper(
      shortened(1_000_000),
      { quick: false },
      { ...options("stopped", 1), signal: controller.signal, onProgress: () => controller.abort() },
    );
    await expect(stopped).rejects.toMatchObject({
      code: "interrupted",
      message: "reproduce: stopped after 0 of 3 tasks; the same command goes on from there",
    });
  });

  it("stops at the first error", async () => {
    const endless = shortened(1_000_000).studies[0]?.tasks({ quick: false }) ?? [];
    const tasks = () => [...endless, { activation: "none", stage: "adam" }];
    const broken = { ...simsek, studies: [{ ...students, tasks }] };
    await expect(doPaper(broken, { quick: false }, options("broken", 2))).rejects.toThrow(/none/);
  });
});
