import { readdir, readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { closestName } from "../closest-name.ts";
import { check, InputError } from "../errors.ts";
import { doPaper, lockFolder, makeFolder, type PaperResults, progressBar, writeFileAtomically } from "../node/index.ts";
import {
  type Claim,
  conclude,
  csv,
  type Findings,
  figureFolder,
  formatQuantity,
  type Paper,
  papers,
  reportPage,
  type Scope,
} from "../papers/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { engineName, engineOptions } from "./engine-options.ts";
import { table } from "./format.ts";
import { interruptSignal } from "./interrupt.ts";
import { numberOf, textOf } from "./values.ts";
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
    threads: { value: "N", help: "tasks done at once, each on a thread of its own (all processors)" },
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
async function doAll(paper: Paper, scope: Scope, { call, folder }: Place): Promise<PaperResults> {
  using bar = progressBar({ quiet: call.quiet });
  using interrupt = interruptSignal();
  return await doPaper(paper, scope, {
    folder: join(folder, taskFolder),
    version: version(),
    engine: engineName(call),
    threads: numberOf(call, "threads", { least: 1, most: 1024, whole: true }) ?? availableParallelism(),
    dataDir: textOf(call, "data-dir"),
    signal: interrupt.signal,
    onProgress: ({ done, total, study }) => bar.update({ label: paper.name, done, total, unit: "task", note: study }),
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
