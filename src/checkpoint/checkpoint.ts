import type { DType, Shape, Tensor } from "../tensor/index.ts";

/** One tensor of a checkpoint, as its table of contents describes it. */
export interface TensorEntry {
  /** The element type, or null where Orbifold has none for it and cannot read the tensor. */
  readonly dtype: DType | null;
  /** The element type as the file spells it, such as "BF16". */
  readonly storedType: string;
  readonly shape: Shape;
  /** Bytes of the elements. */
  readonly length: number;
  /** An earlier tensor that is the same view of the same memory, where the file says so: tied weights. */
  readonly sharedWith?: string;
}

/** A tensor that lies in the file in one piece. */
export interface LocatedEntry extends TensorEntry {
  /** Where the elements start, in bytes from the start of the file. */
  readonly offset: number;
}

/** The formats of weights that can be read. */
export type CheckpointFormat = "safetensors" | "pytorch" | "npz" | "npy" | "flax" | "onnx";

/** An open checkpoint: its table of contents, and its tensors one at a time. */
export interface Checkpoint {
  readonly format: CheckpointFormat;
  readonly metadata: Readonly<Record<string, string>>;
  /** In the order of the file. */
  readonly entries: ReadonlyMap<string, TensorEntry>;
  read(name: string): Promise<Tensor>;
  /** The same at once, where the file can be read so. */
  readonly readNow?: (name: string) => Tensor;
}

/** A checkpoint whose tensors each lie in the file in one piece. */
export interface LocatedCheckpoint extends Checkpoint {
  readonly entries: ReadonlyMap<string, LocatedEntry>;
}

/** Every tensor of a checkpoint, by name. */
export async function readAll(checkpoint: Checkpoint): Promise<Record<string, Tensor>> {
  const named = [...checkpoint.entries.keys()].map(async (name) => [name, await checkpoint.read(name)] as const);
  return Object.fromEntries(await Promise.all(named));
}
