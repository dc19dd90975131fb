import type * as Ort from "onnxruntime-common";
import type { Engine } from "../engine.ts";
import { ortEngine } from "./engine.ts";
import type { OrtModule, OrtSession } from "./module.ts";
import { refusingFloat64, requireAdapter, requireGradients } from "./webgpu-limits.ts";

/** What `import * as ort from "onnxruntime-web/wasm"` or `"onnxruntime-web/webgpu"` gives. */
export type WebOrtModule = OrtModule & { readonly env: Pick<Ort.Env, "wasm"> };

export interface WebEngineOptions {
  /** `wasm` needs `onnxruntime-web/wasm` for float64, `webgpu` needs `onnxruntime-web/webgpu` and has no float64. */
  readonly provider: "wasm" | "webgpu";
  /**
   * Threads that one operator may use; defaults to all processors, and is 1 where the page is not cross-origin
   * isolated. The first graph compiled with a module fixes it for all engines over that module.
   */
  readonly threads?: number;
}

/** ONNX Runtime in this page: WebAssembly kernels, or WebGPU with WebAssembly for what it lacks. */
export async function webEngine(ort: WebOrtModule, { provider, threads }: WebEngineOptions): Promise<Engine> {
  if (provider === "webgpu") await requireAdapter();
  ort.env.wasm.numThreads = globalThis.crossOriginIsolated ? (threads ?? navigator.hardwareConcurrency) : 1;
  const engine = ortEngine(oneAtATime(ort), {
    provider,
    sessionOptions: { graphOptimizationLevel: "all", logSeverityLevel: 3 },
    writesInPlace: false,
  });
  if (provider === "wasm") return engine;
  await requireGradients(engine);
  return refusingFloat64(engine);
}

const queued = new WeakMap<WebOrtModule, OrtModule>();

/** The module whose sessions await their turn, across engines: its WebGPU refuses to do two things at once. */
function oneAtATime(ort: WebOrtModule): OrtModule {
  const known = queued.get(ort) ?? { Tensor: ort.Tensor, InferenceSession: queuedSessions(ort) };
  queued.set(ort, known);
  return known;
}

function queuedSessions(ort: WebOrtModule): OrtModule["InferenceSession"] {
  const inTurn = queue();
  const enqueue = (session: OrtSession): OrtSession => ({
    inputNames: session.inputNames,
    run: (feeds, fetches) => inTurn(() => session.run(feeds, fetches)),
    release: () => inTurn(() => session.release()),
  });
  return { create: (model, options) => inTurn(async () => enqueue(await ort.InferenceSession.create(model, options))) };
}

/** Starts each piece of work when the one before has ended, well or badly. */
function queue() {
  let last: Promise<unknown> = Promise.resolve();
  return <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work, work);
    last = next;
    return next;
  };
}
