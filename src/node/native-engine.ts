import { availableParallelism } from "node:os";
import { type Engine, ortEngine } from "../engine/index.ts";

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
  return ortEngine(ort, {
    name: provider,
    sessionOptions: {
      executionProviders: provider === "cpu" ? ["cpu"] : [provider, "cpu"],
      intraOpNumThreads: threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: "all",
      logSeverityLevel: 3,
    },
  });
}
