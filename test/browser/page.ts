import * as wasm from "onnxruntime-web/wasm";
import * as webgpu from "onnxruntime-web/webgpu";
import { type Engine, webEngine } from "../../src/engine/index.ts";
import type { DType } from "../../src/tensor/index.ts";
import { observeLaws } from "../engine-laws.ts";
import { runMatrix } from "../engine-matrix.ts";
import { portableDigests } from "../portable-digests.ts";

const modules = { wasm, webgpu };
type Provider = keyof typeof modules;

for (const { env } of Object.values(modules)) env.wasm.wasmPaths = new URL("/ort/", location.href).href;

async function withEngine<T>(provider: Provider, use: (engine: Engine) => Promise<T>): Promise<T> {
  await using engine = await webEngine(modules[provider], { provider, threads: 2 });
  return await use(engine);
}

const api = {
  matrix: (provider: Provider, dtype: DType) => withEngine(provider, (engine) => runMatrix(engine, dtype)),
  laws: (provider: Provider) => withEngine(provider, observeLaws),
  threads: (provider: Provider) => modules[provider].env.wasm.numThreads,
  digests: (safetensors: readonly number[]) => portableDigests(Uint8Array.from(safetensors)),
  /** Why there is no such engine in this page; null where there is one. */
  refusal: (provider: Provider) =>
    withEngine(provider, async () => null).catch((error: Error) => `${error.name}: ${error.message}`),
};

declare global {
  /** What a test can call in the page. */
  var orbifold: typeof api;
}

globalThis.orbifold = api;
import { castTwice } from "../engine-laws.ts";
import { operatorCases } from "../operator-cases.ts";
import { disagreement } from "../engine-matrix.ts";
(globalThis as any).tryit = async (provider: any, t: any) => { const e = await webEngine(webgpu, { provider, threads: 2 }); return castTwice(e, t).catch(String); };
(globalThis as any).mat = async (provider: any, t: any) => { const e = await webEngine(webgpu, { provider, threads: 2 }); const m: any = await runMatrix(e,t); return Object.entries(m).filter(([k,v]: any)=>v.failure || !(v.difference<1e-3)).map(([k,v]: any)=>[k,JSON.stringify(v).slice(60,330)]); };
