import type * as Ort from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { inputsOf, topologicalOrder, type Value } from "../graph/index.ts";
import { encodeModel, graphToModel } from "../onnx/index.ts";
import { type Tensor, zeros } from "../tensor/index.ts";
import type { Engine, Program, Tensors } from "./engine.ts";
import { checkFeeds, checkTensor } from "./feeds.ts";
import { assignProviders, type Provider } from "./providers.ts";

/** The part of `onnxruntime-node` and `onnxruntime-web` that an engine needs. */
export interface OrtModule extends Pick<typeof Ort, "Tensor"> {
  readonly InferenceSession: {
    create(model: Uint8Array, options: Ort.InferenceSession.SessionOptions): Promise<OrtSession>;
  };
}

/** The part of an inference session that a program needs. */
export interface OrtSession {
  readonly inputNames: readonly string[];
  run(feeds: OrtTensors, fetches: OrtTensors | readonly string[]): Promise<OrtTensors>;
  release(): Promise<void>;
}

type OrtTensors = Readonly<Record<string, Ort.Tensor>>;

export interface OrtEngineOptions {
  readonly provider: Provider;
  readonly sessionOptions: Omit<Ort.InferenceSession.SessionOptions, "executionProviders">;
  /** Whether `run` fills the outputs it is handed; the browser's leaves its results in WebAssembly memory. */
  readonly writesInPlace: boolean;
}

/** An engine over an ONNX Runtime, named by its provider. Graphs of equal content share one session. */
export function ortEngine(ort: OrtModule, { provider, sessionOptions, writesInPlace }: OrtEngineOptions): Engine {
  const sessions = sessionCache((bytes, options) =>
    ort.InferenceSession.create(bytes, { ...sessionOptions, ...options }),
  );
  const toOrt = tensorAdapter(ort);
  return {
    name: provider,
    async compile(outputs) {
      const named = Object.fromEntries(Object.entries(outputs).map(([key, value]) => [outputName(key), value]));
      const { model, executionProviders } = assignProviders(graphToModel(named, { runtime: true }), provider);
      const options = { executionProviders, ...optimizationFor(outputs) };
      const { session, release } = await sessions.acquire(encodeModel(model), options).catch((cause: unknown) => {
        throw new Error(`internal: ${provider} engine refused a graph: ${(cause as Error).message}`, { cause });
      });
      return program(session, outputs, { release, toOrt, writesInPlace });
    },
    [Symbol.asyncDispose]: () => sessions.clear(),
  };
}

/** Extended optimizations keep factors between products as float32 attributes, also where the products are float64. */
function optimizationFor(outputs: Readonly<Record<string, Value>>): SessionOptions {
  const hasFloat64 = topologicalOrder(Object.values(outputs)).some(({ dtype }) => dtype === "float64");
  return hasFloat64 ? { graphOptimizationLevel: "basic" } : {};
}

/** Apart from every input's name: in ONNX a graph cannot take and give a tensor under one name. */
function outputName(name: string): string {
  return `=${name}`;
}

interface ProgramOptions {
  readonly release: () => Promise<void>;
  readonly toOrt: (value: Tensor) => Ort.Tensor;
  readonly writesInPlace: boolean;
}

function program(
  session: OrtSession,
  outputs: Readonly<Record<string, Value>>,
  { release, toOrt, writesInPlace }: ProgramOptions,
): Program {
  const names = Object.keys(outputs);
  const inputs = inputsOf(Object.values(outputs));
  const used = new Set(session.inputNames);
  const fed = inputs.filter(({ attributes }) => used.has(attributes.name)).map(({ attributes }) => attributes.name);
  return {
    async run(feeds, into = {}) {
      checkFeeds(inputs, feeds);
      const results: Record<string, Tensor> = {};
      for (const key of names) results[key] = target(key, outputs[key] as Value, into[key]);
      const fetches: Record<string, Ort.Tensor> = {};
      for (const key of names) fetches[outputName(key)] = toOrt(results[key] as Tensor);
      const fetched = await session.run(mapTensors(fed, feeds, toOrt), writesInPlace ? fetches : Object.keys(fetches));
      if (!writesInPlace) copyOut(fetched, fetches);
      return results;
    },
    [Symbol.asyncDispose]: release,
  };
}

function target(name: string, value: Value, into: Tensor | undefined): Tensor {
  if (!into) return zeros(value.dtype, value.shape);
  checkTensor(name, value, into);
  return into;
}

function mapTensors(names: readonly string[], tensors: Tensors, toOrt: (value: Tensor) => Ort.Tensor) {
  const mapped: Record<string, Ort.Tensor> = {};
  for (const name of names) mapped[name] = toOrt(tensors[name] as Tensor);
  return mapped;
}

/** Copies bytes, because half precision may come back as a Float16Array. */
function copyOut(from: OrtTensors, to: OrtTensors): void {
  for (const [name, target] of Object.entries(to)) bytesOf(target).set(bytesOf(from[name] as Ort.Tensor));
}

function bytesOf({ data }: Ort.Tensor): Uint8Array {
  const { buffer, byteOffset, byteLength } = data as Uint8Array;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Wraps tensors without copying; the wrapper of a tensor is made once and lives as long as the tensor. */
function tensorAdapter(ort: OrtModule): (value: Tensor) => Ort.Tensor {
  const wrappers = new WeakMap<Tensor, Ort.Tensor>();
  return (value) => {
    const known = wrappers.get(value);
    if (known) return known;
    const made = wrap(ort, value);
    wrappers.set(value, made);
    return made;
  };
}

function wrap(ort: OrtModule, { dtype, shape, data }: Tensor): Ort.Tensor {
  if (dtype === "bfloat16") {
    throw new InputError({
      code: "unsupported-dtype",
      where: "engine",
      message: "expected an element type that ONNX Runtime can be fed, got bfloat16",
      remedy: "convert the tensor to float32",
    });
  }
  // Its constructor wraps half precision in a Float16Array, which the native library takes for an empty one.
  if (dtype === "float16") return Object.assign(new ort.Tensor("uint16", data as Uint16Array, shape), { type: dtype });
  return new ort.Tensor(dtype, data, shape) as Ort.Tensor;
}

interface CachedSession {
  readonly session: Promise<OrtSession>;
  users: number;
}

type SessionOptions = Ort.InferenceSession.SessionOptions;

/** Sessions by the content of their model, each released with its last user. */
function sessionCache(create: (bytes: Uint8Array, options: SessionOptions) => Promise<OrtSession>) {
  const cached = new Map<string, CachedSession>();
  const drop = async (key: string, entry: CachedSession) => {
    entry.users--;
    if (entry.users > 0) return;
    if (cached.get(key) === entry) cached.delete(key);
    await (await entry.session).release();
  };
  return {
    async acquire(bytes: Uint8Array<ArrayBuffer>, options: SessionOptions) {
      const key = await contentKey(bytes);
      const entry = cached.get(key) ?? { session: create(bytes, options), users: 0 };
      entry.users++;
      cached.set(key, entry);
      entry.session.catch(() => cached.delete(key));
      let released = false;
      const release = async () => {
        if (!released) await drop(key, entry);
        released = true;
      };
      return { session: await entry.session, release };
    },
    async clear() {
      const sessions = [...cached.values()].map(({ session }) => session);
      cached.clear();
      await Promise.all(sessions.map(async (session) => (await session).release()));
    },
  };
}

async function contentKey(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return String.fromCharCode(...digest);
}
