import { enableCompileCache } from "node:module";
import { parentPort, workerData } from "node:worker_threads";
import { InputError } from "../errors.ts";
import type { Answer, Order, WorkerModule, WorkerSetup } from "./worker-pool.ts";

// Before the module is imported: the second start is much faster than the first.
enableCompileCache();

/** What a thread of a pool does: it opens its module, and does one job after another. */
const { module, setup } = workerData as WorkerSetup;
const controllers = new Map<number, AbortController>();
const opened = import(module).then(({ default: open }: { default: WorkerModule<unknown, unknown, unknown> }) =>
  open(setup),
);
// Whoever asks for a job is told.
opened.catch(() => {});

parentPort?.on("message", (order: Order) => {
  if (order.kind === "abort") controllers.get(order.id)?.abort();
  else void answer(order);
});

async function answer({ id, job }: Extract<Order, { kind: "job" }>): Promise<void> {
  const controller = new AbortController();
  controllers.set(id, controller);
  const send = (message: Answer) => parentPort?.postMessage(message);
  const onProgress = (progress: number) => send({ kind: "progress", id, progress });
  try {
    const work = await opened;
    send({ kind: "result", id, result: await work(job, { signal: controller.signal, onProgress }) });
  } catch (error) {
    send({ kind: "error", id, error: portable(error) });
  } finally {
    controllers.delete(id);
  }
}

/** An error as plain data: classes do not survive the way to another thread. */
function portable(error: unknown): Extract<Answer, { kind: "error" }>["error"] {
  if (error instanceof InputError) {
    const { code, detail: message, where, remedy } = error;
    return { input: { code, message, ...(where !== undefined && { where }), ...(remedy !== undefined && { remedy }) } };
  }
  const { name, message, stack = "" } = error instanceof Error ? error : new Error(String(error));
  return { name, message, stack };
}
