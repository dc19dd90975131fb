import type * as Ort from "onnxruntime-common";
import { InputError } from "../errors.ts";
import { inputsOf, type Value } from "../graph/index.ts";
import { encodeModel, graphToModel } from "../onnx/index.ts";
import { type Tensor, zeros } from "../tensor/index.ts";
import type { Engine, Program, Tensors } from "./engine.ts";
import { checkFeeds, checkTensor } from "./feeds.ts";

/** The part of `onnxruntime-node` and `onnxruntime-web` that an engine needs. */
export type OrtModule = Pick<typeof Ort, "InferenceSession" | "Tensor">;

export interface OrtEngineOptions {
  readonly name: string;
  readonly sessionOptions: Ort.InferenceSession.SessionOptions;
}

/** An engine over an ONNX Runtime. Graphs of equal content share one session. */
export function ortEngine(ort: OrtModule, { name, sessionOptions }: OrtEngineOptions): Engine {
  const sessions = sessionCache((bytes) => ort.InferenceSession.create(bytes, sessionOptions));
  const toOrt = tensorAdapter(ort);
  return {
    name,
    async compile(outputs) {
      const named = Object.fromEntries(Object.entries(outputs).map(([key, value]) => [outputName(key), value]));
      const bytes = encodeModel(graphToModel(named, { runtime: true }));
      const { session, release } = await sessions.acquire(bytes).catch((cause: unknown) => {
        throw new Error(`internal: ${name} engine refused a graph: ${(cause as Error).message}`, { cause });
      });
      return program(session, release, outputs, toOrt);
    },
    [Symbol.asyncDispose]: () => sessions.clear(),
  };
}

/** Apart from every input's name: in ONNX a graph cannot take and give a tensor under one name. */
function outputName(name: string): string {
  return `=${name}`;
}

function program(
  session: Ort.InferenceSession,
  release: () => Promise<void>,
  outputs: Readonly<Record<string, Value>>,
  toOrt: (value: Tensor) => Ort.Tensor,
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
      const returned = await session.run(mapTensors(fed, feeds, toOrt), fetches);
      copyOut(returned, fetches);
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

/** Native sessions write in place; those in a browser hand back memory of their own. */
function copyOut(returned: Ort.InferenceSession.ReturnType, fetches: Readonly<Record<string, Ort.Tensor>>): void {
  for (const [name, fetch] of Object.entries(fetches)) {
    const [from, to] = [(returned[name] as Ort.Tensor).data, fetch.data];
    if (from !== to && (from as Float32Array).buffer !== (to as Float32Array).buffer) {
      (to as Float32Array).set(from as Float32Array);
    }
  }
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
  return new ort.Tensor(dtype, dtype === "float16" ? asFloat16(data as Uint16Array) : data, shape) as Ort.Tensor;
}

/** ONNX Runtime wants a Float16Array wherever the platform has one. */
function asFloat16(bits: Uint16Array): Uint16Array {
  const Float16 = (globalThis as Record<string, unknown>)["Float16Array"] as
    | (new (
        ...args: unknown[]
      ) => Uint16Array)
    | undefined;
  return Float16 ? new Float16(bits.buffer, bits.byteOffset, bits.length) : bits;
}

interface CachedSession {
  readonly session: Promise<Ort.InferenceSession>;
  users: number;
}

/** Sessions by the content of their model, each released with its last user. */
function sessionCache(create: (bytes: Uint8Array) => Promise<Ort.InferenceSession>) {
  const cached = new Map<string, CachedSession>();
  const drop = async (key: string, entry: CachedSession) => {
    entry.users--;
    if (entry.users > 0) return;
    if (cached.get(key) === entry) cached.delete(key);
    await (await entry.session).release();
  };
  return {
    async acquire(bytes: Uint8Array<ArrayBuffer>) {
      const key = await contentKey(bytes);
      const entry = cached.get(key) ?? { session: create(bytes), users: 0 };
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
