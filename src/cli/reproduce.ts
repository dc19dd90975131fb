import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { closestName } from "../closest-name.ts";
import { check, InputError } from "../errors.ts";
import { loadDataset, lockFolder, makeFolder, progressBar, taskStore, writeFileAtomically } from "../node/index.ts";
import {
  type Claim,
  conclude,
  csv,
  type Done,
  doWork,
  type Findings,
  figureFolder,
  formatQuantity,
  type Json,
  type Lab,
  type Paper,
  papers,
  reportPage,
  type Scope,
  workOf,
} from "../papers/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { table } from "./format.ts";
import { interruptSignal } from "./interrupt.ts";
import { textOf } from "./values.ts";
import { version } from "./version.ts";

const names = Object.keys(papers);

export const command: Command = {
  summary: "run a paper's experiments again and check its claims",
  usage: "<paper> [options]",
  options: {
    out: { short: "o", value: "DIR", help: "folder of the report; what it has of the work is not done again" },
    quick: { help: "less than two minutes: fewer seeds, and second-order minimisers for long training" },
    "data-dir": { value: "DIR", help: "where the files of MNIST lie; otherwise a cache folder or a download" },
    engine: engineOptions.engine as (typeof engineOptions)[string],
    threads: { value: "N", help: "threads of the engine (1: the networks are small)" },
  },
  positionals: [1, 1],
  examples: names.map((name) => `reproduce ${name} --quick -o ${name}`),
  run,
};

/** Results of units of work, in the folder of the report. */
const taskFolder = "tasks";
const claimFile = "claims.json";

async function run(call: Call): Promise<Outcome> {
  const paper = paperOf(call);
  const scope = { quick: call.options.quick === true };
  const folder = textOf(call, "out") ?? paper.name;
  await checkFolder(folder, paper);
  await using _ = await makeFolder(folder);
  await using _tasks = await makeFolder(join(folder, taskFolder));
  await using _figures = await makeFolder(join(folder, figureFolder));
  await using _lock = await lockFolder(folder);
  const { done, computed } = await doAll(paper, scope, { call, folder });
  const findings = await conclude(paper, done, scope);
  const report = await write(paper, findings, { scope, folder });
  const isFailed = findings.claims.some(({ status }) => status === "fail");
  const tasks = { computed, reused: done.length - computed };
  return {
    json: { paper: paper.name, quick: scope.quick, claims: findings.claims, tasks, report },
    text: describe(paper, findings, report),
    status: isFailed ? 1 : 0,
  };
}

function paperOf({ positionals: [name = ""] }: Call): Paper {
  const paper = Object.hasOwn(papers, name) ? papers[name] : undefined;
  if (paper) return paper;
  const meant = closestName(name, names);
  throw new InputError({
    code: "unknown-paper",
    where: "reproduce",
    message: `expected one of ${names.join(", ")}, got ${JSON.stringify(name)}`,
    ...(meant && { remedy: `did you mean ${meant}?` }),
  });
}

/** Throws unless the folder is new, empty, or of an earlier run for the same paper. */
async function checkFolder(folder: string, { name }: Paper): Promise<void> {
  const files = await readdir(folder).catch((): string[] => []);
  const refuse = (message: string) => ({ code: "foreign-folder", where: folder, message, remedy: "choose another -o" });
  check(files.length === 0 || files.includes(taskFolder), () =>
    refuse("expected a new folder or one of an earlier run, got other files in it"),
  );
  if (!files.includes(claimFile)) return;
  const { paper = name } = claimsIn(await readFile(join(folder, claimFile), "utf8"));
  check(paper === name, () => refuse(`expected a new folder or one of ${name}, got one of ${paper}`));
}

/** What a file of claims says; nothing where it is damaged, as it is written anew. */
function claimsIn(text: string): { readonly paper?: unknown } {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

interface Place {
  readonly call: Call;
  readonly folder: string;
}

/** Does what the folder does not have yet. */
async function doAll(paper: Paper, scope: Scope, { call, folder }: Place) {
  const store = taskStore(join(folder, taskFolder), version());
  const work = workOf(paper, scope);
  using bar = progressBar({ quiet: call.quiet });
  using interrupt = interruptSignal();
  await using engine = await engineOf({ ...call, options: { threads: "1", ...call.options } });
  const done: Done[] = [];
  let computed = 0;
  for (const [i, each] of work.entries()) {
    const stored = await store.read(each.task);
    if (stored) {
      done.push({ ...each, result: stored.result as Json });
      continue;
    }
    const onProgress = (fraction: number) =>
      bar.update({ label: paper.name, done: i + fraction, total: work.length, unit: "task", note: each.study.name });
    onProgress(0);
    // A signal is seen only between turns of the event loop.
    await setImmediate();
    const lab: Lab = { engine, signal: interrupt.signal, onProgress, dataset: datasetFrom(call) };
    const read = async (task: object) => (await store.read(task))?.result as Json;
    try {
      interrupt.signal.throwIfAborted();
      const result = await doWork(paper, each, lab, read);
      await store.write(each.task, result);
      done.push({ ...each, result });
      computed++;
    } catch (error) {
      if (interrupt.signal.aborted) throw interrupted(i, work.length);
      done.push({ ...each, missing: reasonOf(error) });
    }
  }
  return { done, computed };
}

function datasetFrom(call: Call): Lab["dataset"] {
  return async (name) => (await loadDataset(name, { dataDir: textOf(call, "data-dir") })).dataset;
}

/** Why a unit of work without its data was left out; any other error is thrown on. */
function reasonOf(error: unknown): string {
  if (error instanceof InputError && error.code === "dataset-unavailable") return error.message;
  throw error;
}

function interrupted(done: number, total: number): InputError {
  return new InputError({
    code: "interrupted",
    where: "reproduce",
    message: `stopped after ${done} of ${total} tasks`,
    remedy: "the same command goes on from there",
  });
}

interface Target {
  readonly scope: Scope;
  readonly folder: string;
}

/** Writes the figures with their numbers, the claims and the report; the path of the report. */
async function write(paper: Paper, findings: Findings, { scope, folder }: Target): Promise<string> {
  const save = (path: string, text: string) =>
    writeFileAtomically(join(folder, path), [new TextEncoder().encode(text)], { force: true });
  for (const { id, svg, data } of findings.figures) {
    await save(join(figureFolder, `${id}.svg`), svg);
    await save(join(figureFolder, `${id}.csv`), csv(data));
  }
  const run = {
    command: `orbifold reproduce ${paper.name}${scope.quick ? " --quick" : ""} -o ${folder}`,
    version: version(),
    quick: scope.quick,
  };
  const claims = { paper: paper.name, ...run, claims: findings.claims };
  await save(claimFile, `${JSON.stringify(claims, null, 2)}\n`);
  await save("report.html", reportPage(paper, findings, run));
  return join(folder, "report.html");
}

function describe({ title, arxiv }: Paper, { claims, figures }: Findings, report: string): string[] {
  const count = (status: Claim["status"]) => claims.filter((claim) => claim.status === status).length;
  const rows = claims.map(({ id, published, origin, measured, status }) => [
    status,
    id,
    `${formatQuantity(published)}${origin === undefined ? "" : ` (${origin})`}`,
    formatQuantity(measured),
  ]);
  return [
    `${title} (arXiv ${arxiv})`,
    "",
    ...table(["", "claim", "published", "measured"], rows),
    "",
    `${count("pass")} hold, ${count("fail")} fail, ${count("different")} are different for a reason, ${count("not-run")} were not run`,
    `${report}, ${figures.length} ${figures.length === 1 ? "figure" : "figures"}`,
  ];
}
