import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { InputError, type InputErrorDetails } from "../errors.ts";

export interface JobContext {
  readonly signal: AbortSignal;
  onProgress(fraction: number): void;
}

/** Opened once per thread from what all jobs have in common; the function it returns does a job. All is plain data. */
export type WorkerModule<Setup, Job, Result> = (
  setup: Setup,
) => Promise<(job: Job, context: JobContext) => Promise<Result>>;

/** Threads that do jobs, each one at a time, in the order in which they are asked for. */
export interface WorkerPool<Job, Result> extends AsyncDisposable {
  run(job: Job, context?: Partial<JobContext>): Promise<Result>;
}

export interface WorkerSetup {
  readonly module: string;
  readonly setup: unknown;
}

export type Order =
  | { readonly kind: "job"; readonly id: number; readonly job: unknown }
  | { readonly kind: "abort"; readonly id: number };

export type Answer =
  | { readonly kind: "progress"; readonly id: number; readonly progress: number }
  | { readonly kind: "result"; readonly id: number; readonly result: unknown }
  | {
      readonly kind: "error";
      readonly id: number;
      readonly error: { readonly input: InputErrorDetails } | Pick<Error, "name" | "message" | "stack">;
    };

interface Waiting {
  readonly job: unknown;
  readonly context: Partial<JobContext>;
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** A pool over the module at an address without its extension, which is that of this file: `.ts`, or `.js` when built. */
export function workerPool<Setup, Job, Result>(
  size: number,
  { module, setup }: { readonly module: URL; readonly setup: Setup },
): WorkerPool<Job, Result> {
  const extension = extname(import.meta.url);
  const workerData: WorkerSetup = { module: `${module.href}${extension}`, setup };
  const entry = new URL(`./worker-thread${extension}`, import.meta.url);
  const waiting: Waiting[] = [];
  const idle: Worker[] = [];
  const all = new Set<Worker>();
  let jobs = 0;

  function next(): void {
    const worker = idle.pop() ?? (all.size < size ? started() : undefined);
    if (!worker) return;
    const task = waiting.shift();
    if (task) void assign(worker, task).finally(next);
    else idle.push(worker);
  }

  function started(): Worker {
    const worker = new Worker(entry, { workerData });
    all.add(worker);
    return worker;
  }

  async function assign(worker: Worker, { job, context, resolve, reject }: Waiting): Promise<void> {
    const id = jobs++;
    const { signal, onProgress } = context;
    const abort = () => worker.postMessage({ kind: "abort", id } satisfies Order);
    const { promise, resolve: end } = Promise.withResolvers<void>();
    const listen = (answer: Answer) => {
      if (answer.id !== id) return;
      if (answer.kind === "progress") return onProgress?.(answer.progress);
      if (answer.kind === "result") resolve(answer.result);
      else reject(signal?.aborted ? signal.reason : revived(answer.error));
      idle.push(worker);
      end();
    };
    const fail = (error: unknown) => {
      all.delete(worker);
      reject(error);
      end();
    };
    const exited = (status: number) => fail(new Error(`internal: a worker thread ended with status ${status}`));
    worker.on("message", listen).once("error", fail).once("exit", exited);
    signal?.addEventListener("abort", abort);
    worker.postMessage({ kind: "job", id, job } satisfies Order);
    if (signal?.aborted) abort();
    await promise;
    worker.off("message", listen).off("error", fail).off("exit", exited);
    signal?.removeEventListener("abort", abort);
  }

  return {
    run: (job, context = {}) =>
      new Promise((resolve, reject) => {
        waiting.push({ job, context, resolve: resolve as (result: unknown) => void, reject });
        next();
      }),
    async [Symbol.asyncDispose]() {
      await Promise.all([...all].map((worker) => worker.terminate()));
    },
  };
}

function revived(error: Extract<Answer, { kind: "error" }>["error"]): Error {
  if ("input" in error) return new InputError(error.input);
  return Object.assign(new Error(error.message), error);
}
