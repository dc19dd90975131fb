import * as plain from "onnxruntime-web";
import * as wasm from "onnxruntime-web/wasm";
import * as webgpu from "onnxruntime-web/webgpu";
import { type Engine, webEngine } from "../../src/engine/index.ts";
import type { DType } from "../../src/tensor/index.ts";
import { observeLaws } from "../engine-laws.ts";
import { runMatrix } from "../engine-matrix.ts";
import { portableDigests } from "../portable-digests.ts";

type Provider = "wasm" | "webgpu";
const modules = { plain, wasm, webgpu };

for (const { env } of Object.values(modules)) env.wasm.wasmPaths = new URL("/ort/", location.href).href;

async function withEngine<T>(
  provider: Provider,
  use: (engine: Engine) => Promise<T>,
  module: keyof typeof modules = provider,
): Promise<T> {
  await using engine = await webEngine(modules[module], { provider, threads: 2 });
  return await use(engine);
}

const api = {
  matrix: (provider: Provider, dtype: DType) => withEngine(provider, (engine) => runMatrix(engine, dtype)),
  laws: (provider: Provider) => withEngine(provider, observeLaws),
  threads: (provider: Provider) => modules[provider].env.wasm.numThreads,
  digests: (safetensors: readonly number[]) => portableDigests(Uint8Array.from(safetensors)),
  hasAdapter: async () => Boolean(await navigator.gpu?.requestAdapter()),
  /** What a WebGPU engine over this module says, or null where it agrees to work. */
  webgpuRefusal: (module: keyof typeof modules) => withEngine("webgpu", async () => null, module).catch(String),
};

declare global {
  /** What a test can call in the page. */
  var orbifold: typeof api;
}

globalThis.orbifold = api;
