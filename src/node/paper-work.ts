import { InputError } from "../errors.ts";
import { type Done, type Json, type Paper, type Scope, type Work, workOf } from "../papers/index.ts";
import type { PaperAnswer, PaperJob, PaperSetup } from "./paper-job.ts";
import { taskStore } from "./task-store.ts";
import { workerPool } from "./worker-pool.ts";

export interface PaperWorkOptions extends Omit<PaperSetup, "paper"> {
  /** How many tasks are done at once, each on a thread of its own. */
  readonly threads: number;
  readonly signal: AbortSignal;
  onProgress(progress: PaperProgress): void;
}

export interface PaperProgress {
  /** Tasks done, and parts of those under way. */
  readonly done: number;
  readonly total: number;
  /** The study of the last news. */
  readonly study: string;
}

export interface PaperResults {
  readonly done: readonly Done[];
  /** How many tasks had no result yet. */
  readonly computed: number;
}

/** Does all of a paper's work that the folder has no results of. Killed, it goes on from there. */
export async function doPaper(paper: Paper, scope: Scope, options: PaperWorkOptions): Promise<PaperResults> {
  const { threads, signal, onProgress, ...shared } = options;
  const store = taskStore(shared.folder, shared.version);
  const work = workOf(paper, scope);
  const setup: PaperSetup = { ...shared, paper: paper.name };
  const module = new URL("./paper-job", import.meta.url);
  await using pool = workerPool<PaperSetup, PaperJob, PaperAnswer>(threads, { module, setup });
  const parts = work.map(() => 0);
  const report = (i: number, part: number) => {
    parts[i] = part;
    const done = parts.reduce((sum, each) => sum + each, 0);
    onProgress({ done, total: work.length, study: work[i]?.study.name ?? "" });
  };
  const failure = new AbortController();
  const context = { signal: AbortSignal.any([signal, failure.signal]) };
  const begun = new Map<string, Promise<Done>>();
  let computed = 0;
  const finish = async (each: Work, i: number): Promise<Done> => {
    const stored = await store.read(each.task);
    if (stored) return { ...each, result: stored.result as Json };
    const job = { study: each.study.name, parameters: each.parameters };
    for (;;) {
      const answer = await pool.run(job, { ...context, onProgress: (part) => report(i, part) });
      if ("result" in answer) {
        computed++;
        return { ...each, result: answer.result };
      }
      const needed = await begun.get(store.keyOf(answer.needs));
      if (!needed) throw new Error("internal: a task builds on one that is not part of the work");
      if ("missing" in needed) return { ...each, missing: needed.missing };
    }
  };
  for (const [i, each] of work.entries()) {
    const done = finish(each, i)
      .catch((error) => ({ ...each, missing: reasonOf(error) }))
      .finally(() => report(i, 1));
    done.catch((error) => failure.abort(error));
    begun.set(store.keyOf(each.task), done);
  }
  const ended = await Promise.allSettled(begun.values());
  const done = ended.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  if (signal.aborted) throw interrupted(done.length, work.length);
  failure.signal.throwIfAborted();
  return { done, computed };
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
