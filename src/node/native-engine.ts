import { availableParallelism } from "node:os";
import { type Engine, ortEngine } from "../engine/index.ts";
import { InputError } from "../errors.ts";
import { input } from "../graph/index.ts";

export interface NativeEngineOptions {
  /** Threads that one operator may use; defaults to all processors. */
  readonly threads?: number;
  readonly provider?: "cpu" | "webgpu";
  /**
   * Whether idle threads spin rather than sleep; defaults to true. That is a tenth faster while the engine has all the work,
   * as in training, and takes half of the time from JavaScript that runs in between, as in matching.
   */
  readonly spins?: boolean;
}

/** ONNX Runtime in this process: CPU kernels, or WebGPU where a Vulkan, Metal or Direct3D device is present. */
export async function nativeEngine(options: NativeEngineOptions = {}): Promise<Engine> {
  const { threads = availableParallelism(), provider = "cpu", spins = true } = options;
  const ort = await loadRuntime();
  const engine = ortEngine(ort, {
    provider,
    sessionOptions: {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
      ...(!spins && { extra: { session: { intra_op: { allow_spinning: "0" } } } }),
    },
    writesInPlace: true,
  });
  if (provider === "webgpu") await requireDevice(engine);
  return engine;
}

/** Loaded on first use, because the library takes longer to load than most commands take to run. */
async function loadRuntime() {
  return import("onnxruntime-node").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code !== "ERR_MODULE_NOT_FOUND") throw cause;
    // Optional, because its install script fetches CUDA libraries and npm drops it where that fails.
    throw new InputError({
      code: "no-runtime",
      where: "engine",
      message: "expected the package onnxruntime-node, got none",
      remedy: 'run "npm install onnxruntime-node --ignore-scripts", or choose --engine reference',
      cause,
    });
  });
}

/** A device is looked for when the first graph is compiled, so a small one is. */
async function requireDevice(engine: Engine): Promise<void> {
  const probe = await engine.compile({ y: input("x", "float32", [1]).exp() }).catch((cause: Error) => {
    if (!cause.message.includes("WebGPU")) throw cause;
    throw new InputError({
      code: "no-device",
      where: "webgpu",
      message: "expected a Vulkan, Metal or Direct3D 12 device, got none",
      remedy: 'use the provider "cpu", or install the graphics driver',
      cause,
    });
  });
  await probe[Symbol.asyncDispose]();
}
