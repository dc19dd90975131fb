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

interface Task {
  readonly id: number;
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
  const waiting: Task[] = [];
  /** What each thread is doing. */
  const workers = new Map<Worker, Task | null>();
  let jobs = 0;
  let isClosed = false;

  function next(): void {
    while (waiting.length > 0) {
      const idle = [...workers.keys()].find((worker) => !workers.get(worker));
      const worker = idle ?? (workers.size < size ? started() : undefined);
      if (!worker) return;
      assign(worker, waiting.shift() as Task);
    }
  }

  function started(): Worker {
    const worker = new Worker(entry, { workerData });
    const fail = (error: unknown) => {
      workers.get(worker)?.reject(isClosed ? closed() : error);
      workers.delete(worker);
      next();
    };
    worker.on("message", (answer: Answer) => listen(worker, answer));
    worker.on("error", fail);
    worker.on("exit", (status) => fail(new Error(`internal: a worker thread ended with status ${status}`)));
    workers.set(worker, null);
    return worker;
  }

  function assign(worker: Worker, task: Task): void {
    try {
      worker.postMessage({ kind: "job", id: task.id, job: task.job } satisfies Order);
      workers.set(worker, task);
    } catch (error) {
      task.reject(error);
    }
  }

  function listen(worker: Worker, answer: Answer): void {
    const task = workers.get(worker);
    if (task?.id !== answer.id) return;
    const { signal, onProgress } = task.context;
    if (answer.kind === "progress") {
      onProgress?.(answer.progress);
      return;
    }
    if (answer.kind === "result") task.resolve(answer.result);
    else task.reject(signal?.aborted ? signal.reason : revived(answer.error));
    workers.set(worker, null);
    next();
  }

  function abort(task: Task): void {
    const [worker] = [...workers].find(([, each]) => each === task) ?? [];
    if (worker) worker.postMessage({ kind: "abort", id: task.id } satisfies Order);
    else if (waiting.includes(task)) {
      waiting.splice(waiting.indexOf(task), 1);
      task.reject(task.context.signal?.reason);
    }
  }

  return {
    async run(job, context = {}) {
      const { signal } = context;
      signal?.throwIfAborted();
      if (isClosed) throw closed();
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      const task: Task = { id: jobs++, job, context, resolve, reject };
      const stop = () => abort(task);
      signal?.addEventListener("abort", stop);
      waiting.push(task);
      next();
      return (await promise.finally(() => signal?.removeEventListener("abort", stop))) as Result;
    },
    async [Symbol.asyncDispose]() {
      isClosed = true;
      for (const { reject } of waiting.splice(0)) reject(closed());
      await Promise.all([...workers.keys()].map((worker) => worker.terminate()));
    },
  };
}

function closed(): Error {
  return new Error("internal: a pool of threads was disposed of before its jobs were done");
}

function revived(error: Extract<Answer, { kind: "error" }>["error"]): Error {
  if ("input" in error) return new InputError(error.input);
  return Object.assign(new Error(error.message), error);
}
