import { availableParallelism } from "node:os";
import { type Engine, ortEngine } from "../engine/index.ts";
import { InputError } from "../errors.ts";
import { input } from "../graph/index.ts";

export interface NativeEngineOptions {
  /** Threads that one operator may use; defaults to all processors. */
  readonly threads?: number;
  readonly provider?: "cpu" | "webgpu";
}

/** ONNX Runtime in this process: CPU kernels, or WebGPU where a Vulkan, Metal or Direct3D device is present. */
export async function nativeEngine(options: NativeEngineOptions = {}): Promise<Engine> {
  const { threads = availableParallelism(), provider = "cpu" } = options;
  // Loaded on first use, because the library takes longer to load than most commands take to run.
  const ort = await import("onnxruntime-node");
  const engine = ortEngine(ort, {
    provider,
    sessionOptions: {
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
    },
    writesInPlace: true,
  });
  if (provider === "webgpu") await requireDevice(engine);
  return engine;
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
