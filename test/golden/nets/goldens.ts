import { readFileSync } from "node:fs";
import type { NetworkDescription } from "../../../src/nets/index.ts";
import { allocate, elementCount, fromNumbers, type Shape, type Tensor, tensor } from "../../../src/tensor/index.ts";

/** A network as the reference implementation has it. */
interface State {
  readonly input: Shape;
  /** Shapes of the tensors that it saves. */
  readonly state: Readonly<Record<string, Shape>>;
  readonly output: readonly number[];
}

/** What the reference computes in eval mode. */
export interface GoldenCase extends State {
  readonly description: NetworkDescription;
}

/** What the reference computes in one training step. */
export interface GoldenStep extends State {
  readonly updates: Readonly<Record<string, readonly number[]>>;
  readonly gradients: Readonly<Record<string, readonly number[]>>;
}

/** What PyTorch's modules compute for one of the test architectures. */
export interface GoldenArchitecture extends State {
  readonly name: string;
}

/** What generate.py wrote. */
export const goldens: { readonly cases: readonly GoldenCase[]; readonly training: GoldenStep } = parsed("goldens.json");

/** What generate_architectures.py wrote. */
export const goldenArchitectures: readonly GoldenArchitecture[] = parsed("architectures.json");

function parsed(file: string) {
  return JSON.parse(readFileSync(new URL(file, import.meta.url), "utf8"));
}

const period = 4093;

/** The tensor that generate.py's `drawn` computes from a name and a shape. */
export function drawn<D extends "float32" | "float64">(name: string, shape: Shape, dtype: D): Tensor<D> {
  const { offset, scale } = spread(name, shape);
  const wave = Float64Array.from({ length: period }, (_, i) => offset + scale * Math.sin(0.37 * i * i + name.length));
  const data = allocate(dtype, elementCount(shape));
  for (let at = 0; at < data.length; at += period) data.set(wave.subarray(0, data.length - at), at);
  return tensor(dtype, shape, data);
}

function spread(name: string, shape: Shape): { readonly offset: number; readonly scale: number } {
  if (name === "input") return { offset: 0, scale: 1 };
  const isScale = name.endsWith("running_var") || (name.endsWith("weight") && shape.length === 1);
  if (isScale) return { offset: 1, scale: 0.5 };
  return { offset: 0, scale: shape.length === 1 ? 0.1 : 2 / Math.sqrt(elementCount(shape.slice(1))) };
}

/** The token ids of generate.py. */
export function drawnTokens(shape: Shape, vocabulary: number): Tensor<"int64"> {
  const ids = Array.from({ length: elementCount(shape) }, (_, i) => (7 * i + 3) % vocabulary);
  return fromNumbers("int64", ids, shape);
}
