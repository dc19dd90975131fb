import { afterAll, describe, expect, it } from "vitest";
import { digitsDataset, teacherStudent } from "../data/index.ts";
import { initializeParameters } from "../nets/index.ts";
import { nativeEngine } from "../node/index.ts";
import { rngKey } from "../tensor/index.ts";
import { curvatureOf, type Slope } from "../train/index.ts";
import { adamFrom } from "./adam.ts";
import { conclude, doWork, type Json, type JsonObject, type Lab, papers, type Study, workOf } from "./index.ts";
import { student } from "./toy.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

const lab: Lab = {
  engine,
  signal: new AbortController().signal,
  dataset: async () => digitsDataset(),
  onProgress: () => {},
};

function studyOf(paper: string, name: string): Study {
  return papers[paper]?.studies.find((study) => study.name === name) as Study;
}

describe("the plan of a paper", () => {
  it.each(Object.keys(papers))("of %s names every unit of work once", (name) => {
    const paper = papers[name] as (typeof papers)[string];
    expect(paper.name).toBe(name);
    for (const quick of [true, false]) {
      const tasks = workOf(paper, { quick }).map(({ task }) => JSON.stringify(task));
      expect(new Set(tasks).size).toBe(tasks.length);
      expect(tasks.length).toBeGreaterThan(0);
    }
  });

  it("of the full simsek2021 has 50 seeds, ten blocks of Adam and a finish for each published student", () => {
    const [paper, scope] = [papers.simsek2021 as (typeof papers)[string], { quick: false }];
    const students = workOf(paper, scope).filter(({ study }) => study.name === "students");
    const g = students.filter(({ parameters }) => parameters.activation === "g" && parameters.width === 20);
    expect(g.map(({ parameters: { stage, block, steps } }) => `${stage} ${block} ${steps}`).slice(0, 11)).toEqual([
      ...Array.from({ length: 10 }, (_, i) => `adam ${i + 1} 100000`),
      "finish 10 100000",
    ]);
    expect(g.map(({ parameters: { seeds } }) => seeds).filter((_, i) => i % 11 === 0)).toEqual([
      [1, 10],
      [11, 20],
      [21, 30],
      [31, 40],
      [41, 50],
    ]);
  });

  it("leaves out what has no data, and says why", async () => {
    const paper = { ...(papers.simsek2021 as (typeof papers)[string]), studies: [studyOf("simsek2021", "mnist")] };
    const done = workOf(paper, { quick: false }).map((work) => ({ ...work, missing: "mnist: no files" }));
    const { claims } = await conclude(paper, done, { quick: false });
    expect(claims).toMatchObject([{ id: "mnist-width", status: "not-run", why: "mnist: no files" }]);
  });
});

/** Adam as its paper has it, on the gradients of the curvature. */
async function adamByHand(starts: readonly Float64Array[], steps: number, learningRate: number) {
  await using curvature = await curvatureOf(student(3, "g"), teacherStudent({ activation: "g" }), { engine });
  let points = starts.map((start) => Float64Array.from(start));
  const moments = points.map(({ length }) => [new Float64Array(length), new Float64Array(length)] as const);
  for (let step = 1; step <= steps; step++) {
    const slopes = await curvature.slopes(points);
    points = points.map((point, member) => {
      const [first, second] = moments[member] as (typeof moments)[number];
      const { gradient } = slopes[member] as Slope;
      return point.map((x, i) => {
        const g = gradient[i] as number;
        first[i] = 0.9 * (first[i] as number) + 0.1 * g;
        second[i] = 0.999 * (second[i] as number) + 0.001 * g * g;
        const [m, v] = [(first[i] as number) / (1 - 0.9 ** step), (second[i] as number) / (1 - 0.999 ** step)];
        return x - (learningRate * m) / (Math.sqrt(v) + 1e-8);
      });
    });
  }
  return points;
}

describe("full-batch Adam", () => {
  it("takes the steps of the published rule, for several networks at once", async () => {
    const [network, dataset] = [student(3, "g"), teacherStudent({ activation: "g" })];
    await using curvature = await curvatureOf(network, dataset, { engine });
    const starts = [1, 2].map((seed) => initializeParameters(network, rngKey(seed), "float64"));
    const options = { dataset, lab, steps: 7, learningRate: 0.01, dtype: "float64" } as const;
    const found = (await adamFrom(network, starts, options)).map((parameters) => curvature.flatten(parameters));
    const expected = await adamByHand(
      starts.map((parameters) => curvature.flatten(parameters)),
      7,
      0.01,
    );
    for (const [member, point] of found.entries()) {
      for (const [i, x] of point.entries()) expect(x).toBeCloseTo(expected[member]?.[i] as number, 12);
    }
  });
});

/** Runs tasks one after the other, each with the results of those before. */
async function chain(study: Study, tasks: readonly JsonObject[]): Promise<Json[]> {
  const paper = { ...(papers.simsek2021 as (typeof papers)[string]), studies: [study] };
  const results = new Map<string, Json>();
  for (const parameters of tasks) {
    const task = { kind: "reproduction", paper: paper.name, study: study.name, parameters };
    const read = async (earlier: JsonObject) => results.get(JSON.stringify(earlier)) as Json;
    results.set(JSON.stringify(task), await doWork(paper, { study, task, parameters }, lab, read));
  }
  return [...results.values()];
}

interface Runs {
  readonly runs: readonly { readonly seed: number; readonly loss: number; readonly point: readonly number[] }[];
}

describe("the full runs", () => {
  it("go on from block to block, and finish by second order", async () => {
    const study = studyOf("simsek2021", "students");
    const all = study.tasks({ quick: false }).filter(({ activation, width }) => activation === "g" && width === 5);
    const published = all.filter(({ stage }) => stage !== "minimise").slice(0, 11);
    const short = published
      .filter(({ block, stage }) => (block as number) <= 2 || stage === "finish")
      .map((task) => ({
        ...task,
        steps: 300,
        block: task.stage === "finish" ? 2 : (task.block as number),
        seeds: [3, 4],
      }));
    const [first, second, finish] = (await chain(study, short)) as unknown as [Runs, Runs, Runs];
    expect(first.runs.map(({ seed }) => seed)).toEqual([3, 4]);
    for (const i of [0, 1]) {
      const losses = [first, second, finish].map(({ runs }) => runs[i]?.loss as number) as [number, number, number];
      expect(losses[1]).toBeLessThan(losses[0]);
      expect(losses[2]).toBeLessThan(1e-25);
    }
  });

  it("finish where the last block of Adam ended", async () => {
    const study = studyOf("simsek2021", "students");
    const [first] = study.tasks({ quick: false }).filter(({ stage }) => stage === "adam") as [JsonObject];
    const task = { ...first, seeds: [1, 1], steps: 20, iterations: 0 };
    const blocks = [1, 2, 3].map((block) => ({ ...task, block }));
    const results = (await chain(study, [...blocks, { ...task, stage: "finish", block: 3 }])) as unknown as Runs[];
    expect(results[3]?.runs).toEqual(results[2]?.runs);
    expect(results[2]?.runs).not.toEqual(results[1]?.runs);
  });

  it("train three hidden layers", async () => {
    const tasks = [1, 2].map((block) => ({ width: 5, seeds: [1, 2], block, steps: 100 }));
    const [first, second] = (await chain(studyOf("simsek2021", "deep"), tasks)) as unknown as { losses: number[] }[];
    expect(second?.losses.every((loss, i) => loss < (first?.losses[i] as number))).toBe(true);
  });

  it("train on images", async () => {
    const tasks = [1, 60].map((steps) => ({ width: 10, seed: 1, steps }));
    const [early, late] = (await chain(studyOf("simsek2021", "mnist"), tasks)) as unknown as { loss: number }[];
    expect(late?.loss).toBeLessThan(early?.loss as number);
  });
});
