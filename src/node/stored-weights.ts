import { type Checkpoint, encodeCheckpoint, type TensorEntry, writableFormat } from "../checkpoint/index.ts";
import { check } from "../errors.ts";
import { topologicalOrder, type Value } from "../graph/index.ts";
import type { Parameters } from "../nets/index.ts";
import {
  allocate,
  elementCount,
  isLazy,
  lazyTensor,
  type Shelf,
  sameShape,
  shelf,
  type Tensor,
  tensor,
  tensorBytes,
} from "../tensor/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";

/** The parameters of a network in a checkpoint. */
export interface StoredWeights {
  readonly checkpoint: Checkpoint;
  /** The name in the file of every parameter. */
  readonly names: ReadonlyMap<string, string>;
  /** Parameters that the file holds transposed. */
  readonly transposed: ReadonlySet<string>;
  /** Other names under which the file holds a parameter, with the name in the file that it is known by. */
  readonly copies: ReadonlyMap<string, string>;
}

/** The parameters by their names in the network; lazy ones where the format allows and `lazily` asks for it. */
export async function readStored(
  { checkpoint, names, transposed }: StoredWeights,
  { lazily = false } = {},
): Promise<Parameters> {
  const tensors: Record<string, Tensor> = {};
  const on = shelf();
  for (const [name, stored] of names) {
    const value = (lazily && onAccess(checkpoint, stored, on)) || (await checkpoint.read(stored));
    tensors[name] = transposed.has(name) ? turned(value, on) : value;
  }
  return tensors;
}

/** A tensor that is read whenever it is asked for; null where it must be waited for. */
function onAccess({ entries, readNow }: Checkpoint, name: string, on: Shelf): Tensor | null {
  const { dtype, shape } = entries.get(name) as TensorEntry;
  return readNow && dtype ? lazyTensor({ dtype, shape, load: () => readNow(name).data, isFresh: true }, on) : null;
}

function turned(value: Tensor, on = shelf()): Tensor {
  if (!isLazy(value)) return transpose(value);
  const { dtype, shape } = value;
  return lazyTensor({ dtype, shape: shape.toReversed(), load: () => transpose(value).data }, on);
}

interface StoredWriting {
  readonly parameters: Parameters;
  /** Added to what the checkpoint says of itself, where the format can hold it. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly force: boolean;
}

/** Writes other parameters under the names of the original, and everything else as it was. */
export async function writeStored(weights: StoredWeights, target: string, writing: StoredWriting): Promise<void> {
  const { checkpoint, names, transposed, copies } = weights;
  const { parameters, metadata, force } = writing;
  const format = writableFormat(target);
  const changed = new Map<string, Tensor>();
  for (const [name, stored] of names) {
    const value = parameters[name] as Tensor;
    changed.set(stored, transposed.has(name) ? turned(value) : value);
  }
  const tensors: [string, Tensor][] = [];
  const on = shelf();
  for (const [stored, { dtype, sharedWith }] of checkpoint.entries) {
    const known = changed.get(copies.get(stored) ?? stored);
    checkTie(stored, known, { tied: changed.get(sharedWith ?? ""), sharedWith, target });
    // A tensor of a type that cannot be read has no place in another file.
    if (!known && dtype === null) continue;
    tensors.push([stored, known ?? onAccess(checkpoint, stored, on) ?? (await checkpoint.read(stored))]);
  }
  const all = format === "safetensors" ? { ...origin(checkpoint), ...checkpoint.metadata, ...metadata } : {};
  await writeFileAtomically(target, encodeCheckpoint(format, tensors, all), { force });
}

interface Tie {
  readonly tied: Tensor | undefined;
  readonly sharedWith: string | undefined;
  readonly target: string;
}

/** Throws where weights that are one tensor in the file, but not in the graph, would no longer be equal. */
function checkTie(name: string, value: Tensor | undefined, { tied, sharedWith, target }: Tie): void {
  const isTied = !value || !tied || Buffer.from(tensorBytes(value)).equals(tensorBytes(tied));
  check(isTied, () => ({
    code: "untied",
    where: target,
    message: `expected ${JSON.stringify(name)} and ${JSON.stringify(sharedWith)} to stay the one tensor that they are, got two`,
    remedy: "give a graph in which they are tied",
  }));
}

/** Without it Hugging Face's library does not read a file of PyTorch's tensors. */
function origin({ format }: Checkpoint): Readonly<Record<string, string>> {
  return format === "pytorch" ? { format: "pt" } : {};
}

/** The same matrix with its axes exchanged. */
function transpose({ dtype, shape, data }: Tensor): Tensor {
  const [rows, columns] = shape as readonly [number, number];
  const moved = allocate(dtype, data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) moved[j * rows + i] = data[i * columns + j] as number;
  }
  return tensor(dtype, [columns, rows], moved);
}

interface Beside {
  readonly names: ReadonlyMap<string, string>;
  /** Tensors of the file that are no parameters. */
  readonly extra: readonly string[];
  readonly outputs: readonly Value[];
  readonly where: string;
}

/**
 * The tensors beside the parameters that are parameters under another name: ties that the file tells, and what has the
 * shape of a parameter that the network uses in several places. Exporters merge weights that were equal, so that the
 * latter may belong to another network; then it differs, and this throws.
 */
export async function copiesIn(checkpoint: Checkpoint, beside: Beside): Promise<Map<string, string>> {
  const stored = new Set(beside.names.values());
  const copies = new Map<string, string>();
  for (const [name, { sharedWith }] of checkpoint.entries) {
    if (sharedWith !== undefined && stored.has(sharedWith) && !stored.has(name)) copies.set(name, sharedWith);
  }
  const rest = beside.extra.filter((name) => !copies.has(name));
  if (rest.length === 0) return copies;
  const shared = sharedParameters(beside.outputs).flatMap((name) => beside.names.get(name) ?? []);
  for (const name of rest) {
    const original = await originalOf(checkpoint, name, shared, beside.where);
    if (original !== undefined) copies.set(name, original);
  }
  return copies;
}

/** The parameters that more than one operation reads. */
function sharedParameters(outputs: readonly Value[]): string[] {
  const readers = new Map<Value, number>();
  for (const { operands } of topologicalOrder(outputs)) {
    for (const operand of new Set(operands)) readers.set(operand, (readers.get(operand) ?? 0) + 1);
  }
  return [...readers].flatMap(([value, count]) =>
    count > 1 && value.op === "Input" ? [(value as Value<"Input">).attributes.name] : [],
  );
}

async function originalOf(checkpoint: Checkpoint, name: string, shared: readonly string[], where: string) {
  const { dtype, shape } = checkpoint.entries.get(name) as TensorEntry;
  const alike = shared.filter((each) => sameShape((checkpoint.entries.get(each) as TensorEntry).shape, shape));
  if (dtype === null || elementCount(shape) < 2 || alike.length === 0) return undefined;
  const bytes = Buffer.from(tensorBytes(await checkpoint.read(name)));
  for (const each of alike) if (bytes.equals(tensorBytes(await checkpoint.read(each)))) return each;
  check(false, () => ({
    code: "other-network",
    where: `${where}, tensor ${JSON.stringify(name)}`,
    message: `expected the numbers of ${JSON.stringify(alike[0])}, which the network uses in several places, got others`,
    remedy: "give the graph of these very weights with --graph",
  }));
}
