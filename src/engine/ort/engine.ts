import { planLoop, topologicalOrder, type Value } from "../../graph/index.ts";
import { encodeModel, graphToModel, loopToModel, type ModelProto } from "../../onnx/index.ts";
import type { Engine } from "../engine.ts";
import { loopOver } from "../loop.ts";
import { sideBySide } from "../side-by-side.ts";
import { unrolledLoop } from "../unrolled/index.ts";
import type { OrtEngineOptions, OrtModule } from "./module.ts";
import { loopProgram, outputName, program } from "./programs.ts";
import { assignProviders } from "./providers.ts";
import { type SessionOptions, sessionCache } from "./sessions.ts";
import { tensorAdapter } from "./tensors.ts";

/** An engine over an ONNX Runtime, named by its provider. Graphs of equal content share one session. */
export function ortEngine(ort: OrtModule, { provider, sessionOptions, writesInPlace }: OrtEngineOptions): Engine {
  const sessions = sessionCache((bytes, options) =>
    ort.InferenceSession.create(bytes, { ...sessionOptions, ...options }),
  );
  const toOrt = tensorAdapter(ort);
  const open = (model: ModelProto, options: SessionOptions) =>
    sessions.acquire(encodeModel(model), options).catch((cause: unknown) => {
      throw new Error(`internal: ${provider} engine refused a graph: ${(cause as Error).message}`, { cause });
    });
  const engine: Engine = {
    name: provider,
    async compile(outputs) {
      const named = Object.fromEntries(Object.entries(outputs).map(([key, value]) => [outputName(key), value]));
      const { model, executionProviders } = assignProviders(graphToModel(named, { runtime: true }), provider);
      const options = { executionProviders, ...optimizationFor(outputs) };
      const { session, release } = await open(model, options);
      return program(session, outputs, { release, toOrt, writesInPlace });
    },
    async compileLoop(outputs, stepped, members) {
      const unrolled = provider === "webgpu" ? null : await unrolledLoop(outputs, stepped, members);
      if (unrolled) return unrolled;
      const all = sideBySide(outputs, members);
      // WebGPU would bring every round's results back to the processor.
      if (provider === "webgpu") return loopOver(await engine.compile(all), all, stepped);
      const model = loopToModel(all, stepped);
      const { session, release } = await open(model, { executionProviders: [provider], ...optimizationFor(all) });
      return loopProgram(session, all, { plan: planLoop(all, stepped), release, toOrt, writesInPlace });
    },
    [Symbol.asyncDispose]: () => sessions.clear(),
  };
  return engine;
}

/** Extended optimizations keep factors between products as float32 attributes, also where the products are float64. */
function optimizationFor(outputs: Readonly<Record<string, Value>>): SessionOptions {
  const hasFloat64 = topologicalOrder(Object.values(outputs)).some(({ dtype }) => dtype === "float64");
  return hasFloat64 ? { graphOptimizationLevel: "basic" } : {};
}
