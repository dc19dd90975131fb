import type * as Ort from "onnxruntime-common";
import type { ModelProto, NodeProto } from "../../onnx/index.ts";

/** What runs a graph: native or WebAssembly kernels, or WebGPU with those for what it lacks. */
export type Provider = "cpu" | "wasm" | "webgpu";

interface Assignment {
  readonly model: ModelProto;
  readonly executionProviders: readonly Ort.InferenceSession.ExecutionProviderConfig[];
}

/** The model, and the execution providers that can run all of it. */
export function assignProviders(model: ModelProto, provider: Provider): Assignment {
  const nodes = model.graph?.node ?? [];
  if (provider !== "webgpu" || !nodes.some(locatesMaxima)) return { model, executionProviders: [provider] };
  // WebGPU of ONNX Runtime 1.30 takes every MaxPool, then refuses to run those that also tell where the maxima are.
  const node = nodes.map((each, i) => (locatesMaxima(each) ? { ...each, name: `cpu${i}` } : each));
  const forceCpuNodeNames = node.filter(locatesMaxima).map(({ name }) => name as string);
  return {
    model: { ...model, graph: { ...model.graph, node } },
    executionProviders: [{ name: "webgpu", forceCpuNodeNames } as Ort.InferenceSession.WebGpuExecutionProviderOption],
  };
}

function locatesMaxima({ opType, output }: NodeProto): boolean {
  return opType === "MaxPool" && output?.length === 2;
}
