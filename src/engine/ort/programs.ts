import type * as Ort from "onnxruntime-common";
import { inputsOf, type LoopPlan, type Value } from "../../graph/index.ts";
import { loopNames } from "../../onnx/index.ts";
import { release, type Tensor, tensor, tensorFromBytes, zeros } from "../../tensor/index.ts";
import type { LoopProgram, Program, Tensors } from "../engine.ts";
import { checkFeeds, checkTensor } from "../feeds.ts";
import { checkLoopFeeds } from "../loop.ts";
import type { OrtSession, OrtTensors } from "./module.ts";
import { bytesOf, copyOut } from "./tensors.ts";

/** Apart from every input's name: in ONNX a graph cannot take and give a tensor under one name. */
export function outputName(name: string): string {
  return `=${name}`;
}

interface ProgramOptions {
  readonly release: () => Promise<void>;
  readonly toOrt: (value: Tensor) => Ort.Tensor;
  readonly writesInPlace: boolean;
}

/** A session of a graph as a program. */
export function program(
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
      if (writesInPlace) releaseCopies(fetched, fetches);
      else copyOut(fetched, fetches);
      return results;
    },
    [Symbol.asyncDispose]: release,
  };
}

/** Bytes of an output from which on its copy is not left to the collector, which counts little of what typed arrays take. */
const LARGE = 2 ** 16;

/** The native library also hands out a copy of each output that it has written in place. */
function releaseCopies(fetched: OrtTensors, fetches: OrtTensors): void {
  for (const [name, value] of Object.entries(fetched)) {
    const { buffer } = bytesOf(value);
    if (buffer.byteLength >= LARGE && buffer !== bytesOf(fetches[name] as Ort.Tensor).buffer) release({ buffer });
  }
}

/** A session of a loop as a program. */
export function loopProgram(
  session: OrtSession,
  outputs: Readonly<Record<string, Value>>,
  { plan, release, toOrt, writesInPlace }: ProgramOptions & { readonly plan: LoopPlan },
): LoopProgram {
  const nameOf = ({ attributes }: Value<"Input">) => attributes.name;
  const fedAs = new Map<string, string>([
    ...plan.carried.map((value) => [nameOf(value), loopNames.first(nameOf(value))] as const),
    ...plan.stepped.map((value) => [nameOf(value), loopNames.stepped(nameOf(value))] as const),
    ...plan.shared.map((value) => [nameOf(value), nameOf(value)] as const),
  ]);
  return {
    async run(rounds, feeds, into = {}) {
      checkLoopFeeds(plan, rounds, feeds);
      const count = tensor("int64", [], BigInt64Array.of(BigInt(rounds)));
      const fed: Record<string, Ort.Tensor> = { [loopNames.count]: toOrt(count) };
      for (const [name, as] of fedAs) fed[as] = toOrt(feeds[name] as Tensor);
      const results: Record<string, Tensor> = {};
      const last: Record<string, Ort.Tensor> = {};
      for (const name of plan.carried.map(nameOf)) {
        const result = target(name, outputs[name] as Value, into[name]);
        results[name] = result;
        last[loopNames.result(name)] = toOrt(result);
      }
      const unknown = Object.fromEntries(plan.collected.map((name) => [loopNames.result(name), null]));
      const fetches = { ...last, ...unknown };
      const fetched = await session.run(fed, writesInPlace ? fetches : Object.keys(fetches));
      if (!writesInPlace) copyOut(fetched, last);
      for (const name of plan.collected) {
        results[name] = collectedTensor(outputs[name] as Value, rounds, fetched[loopNames.result(name)] as Ort.Tensor);
      }
      return results;
    },
    [Symbol.asyncDispose]: release,
  };
}

function collectedTensor({ dtype, shape }: Value, rounds: number, from: Ort.Tensor): Tensor {
  return tensorFromBytes(dtype, [rounds, ...shape], bytesOf(from));
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
