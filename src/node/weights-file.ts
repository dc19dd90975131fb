import { basename, dirname, join } from "node:path";
import { type Checkpoint, encodeCheckpoint, type TensorEntry, writableFormat } from "../checkpoint/index.ts";
import { check, InputError } from "../errors.ts";
import {
  descriptionKey,
  type LayoutOptions,
  type Network,
  networkFromOnnx,
  networkOf,
  type Parameters,
  pair,
} from "../nets/index.ts";
import { type ImportedModel, importModel, patchInitializers } from "../onnx/index.ts";
import { type Discovery, discoverModel, discoverNetwork } from "../symmetry/index.ts";
import type { Tensor } from "../tensor/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { openCheckpointFile } from "./checkpoint-file.ts";
import { externalFile, loadBesides, readWhole } from "./onnx-files.ts";

/** Where the network of some weights comes from, where their file does not say. */
export interface WeightsOptions {
  readonly network?: Network | undefined;
  /** An ONNX file whose weights have the names of the checkpoint's. */
  readonly graph?: string | undefined;
  /** What the layout of a recognised checkpoint leaves open. */
  readonly layout?: LayoutOptions;
}

/** Weights in a file, each in its own type, with the network that they are for. */
export interface WeightsFile extends AsyncDisposable {
  readonly path: string;
  readonly discovery: Discovery;
  /** Computes the network; throws where the graph cannot be computed, or has several inputs or outputs. */
  readonly network: () => Network;
  /** What was assumed about the network, in words. */
  readonly assumptions: readonly string[];
  /** Tensors of the file that are no parameters of the network. */
  readonly extra: readonly string[];
  /** The parameters by their names in the network, in the types of the file. */
  read(): Promise<Parameters>;
  /** Writes other parameters to a file of the kind that its name says, and everything else as it was. */
  write(path: string, parameters: Parameters, options: { readonly force?: boolean }): Promise<void>;
}

/** Opens weights together with their network; reads no weights yet. */
export function openWeights(path: string, options: WeightsOptions = {}): Promise<WeightsFile> {
  return path.toLowerCase().endsWith(".onnx") ? openOnnxWeights(path) : openCheckpointWeights(path, options);
}

async function openOnnxWeights(path: string): Promise<WeightsFile> {
  const model = await openGraph(path);
  const names = Object.keys(model.discovery.group.layouts);
  return {
    path,
    ...model,
    assumptions: [],
    extra: [],
    read: async () => Object.fromEntries(names.map((name) => [name, model.initializers[name] as Tensor])),
    write: (target, parameters, { force = false }) =>
      writeOnnx(target, { bytes: model.bytes, from: path, tensors: new Map(Object.entries(parameters)), force }),
    [Symbol.asyncDispose]: async () => {},
  };
}

interface GraphFile extends Pick<ImportedModel, "initializers"> {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly discovery: Discovery;
  readonly network: () => Network;
}

async function openGraph(path: string): Promise<GraphFile> {
  const bytes = await readWhole(path);
  const loadExternal = loadBesides(path);
  const model = importModel(bytes, path, { loadExternal, unknown: "opaque" });
  const network = () => networkFromOnnx(bytes, path, { loadExternal }).network;
  return { bytes, initializers: model.initializers, discovery: discoverModel(model), network };
}

async function openCheckpointWeights(path: string, options: WeightsOptions): Promise<WeightsFile> {
  const file = await openCheckpointFile(path);
  try {
    return {
      ...(await pairedWith(file.checkpoint, path, options)),
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

type PairedWeights = Omit<WeightsFile, typeof Symbol.asyncDispose>;

async function pairedWith(checkpoint: Checkpoint, path: string, options: WeightsOptions): Promise<PairedWeights> {
  if (options.graph !== undefined) return pairedWithGraph(checkpoint, path, options.graph);
  const known = options.network
    ? { network: options.network, assumptions: [] }
    : networkOf(checkpoint, path, options.layout);
  if (!known) throw unknownNetwork(path);
  const { network, assumptions } = known;
  const { names, extra } = pair(network, checkpoint.entries, path);
  return {
    path,
    discovery: discoverNetwork(network),
    network: () => network,
    assumptions,
    extra,
    read: () => readNamed(checkpoint, names),
    write: (target, parameters, { force = false }) =>
      writeCheckpoint(target, { checkpoint, path, names, parameters, network, force }),
  };
}

function unknownNetwork(path: string): InputError {
  return new InputError({
    code: "unknown-network",
    where: path,
    message: "expected a file that says which network its weights are for, got tensors alone",
    remedy: "give its graph with --graph model.onnx, or name a built-in network with --net",
  });
}

async function pairedWithGraph(checkpoint: Checkpoint, path: string, graph: string): Promise<PairedWeights> {
  const { discovery, network } = await openGraph(graph);
  const parameters = Object.entries(discovery.group.layouts).map(([name, { shape }]) => ({ name, shape }));
  const { names, extra } = pair({ description: { net: graph }, parameters }, checkpoint.entries, path);
  return {
    path,
    discovery,
    network,
    assumptions: [],
    extra,
    read: () => readNamed(checkpoint, names),
    write: (target, parameters, { force = false }) =>
      writeCheckpoint(target, { checkpoint, path, names, parameters, network: null, force }),
  };
}

async function readNamed(checkpoint: Checkpoint, names: ReadonlyMap<string, string>): Promise<Parameters> {
  const tensors: Record<string, Tensor> = {};
  for (const [name, stored] of names) tensors[name] = await checkpoint.read(stored);
  return tensors;
}

interface CheckpointWriting {
  readonly checkpoint: Checkpoint;
  readonly path: string;
  /** The name in the file of each parameter. */
  readonly names: ReadonlyMap<string, string>;
  readonly parameters: Parameters;
  /** Described in the file where it is known. */
  readonly network: Network | null;
  readonly force: boolean;
}

/** Under the names of the original; what is no parameter is copied, a tied tensor once under each of its names. */
async function writeCheckpoint(target: string, writing: CheckpointWriting): Promise<void> {
  const { checkpoint, names, parameters, network, force } = writing;
  const format = writableFormat(target);
  const byStored = new Map([...names].map(([name, stored]) => [stored, parameters[name] as Tensor]));
  const tensors: [string, Tensor][] = [];
  for (const [stored, entry] of checkpoint.entries) {
    const tensor =
      byStored.get(stored) ?? byStored.get(entry.sharedWith ?? "") ?? (await copied(checkpoint, stored, entry));
    if (tensor) tensors.push([stored, tensor]);
  }
  const description =
    network && network.description.net !== "onnx" ? { [descriptionKey]: JSON.stringify(network.description) } : {};
  const metadata = format === "safetensors" ? { ...checkpoint.metadata, ...description } : {};
  await writeFileAtomically(target, encodeCheckpoint(format, tensors, metadata), { force });
}

/** A tensor that no parameter replaces; one of a type that cannot be read has no place in another file. */
async function copied(checkpoint: Checkpoint, name: string, { dtype }: TensorEntry): Promise<Tensor | null> {
  return dtype === null ? null : checkpoint.read(name);
}

interface OnnxWriting {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly from: string;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly force: boolean;
}

async function writeOnnx(target: string, { bytes, from, tensors, force }: OnnxWriting): Promise<void> {
  check(target.toLowerCase().endsWith(".onnx"), () => ({
    code: "unknown-format",
    where: target,
    message: "expected a name that ends in .onnx for weights from an ONNX file",
    remedy: "choose another -o",
  }));
  const patched = patchInitializers(bytes, tensors, { where: from, dataFile: `${basename(target)}.data` });
  for (const { location, renamed, edits } of patched.files) {
    const data = await externalFile(from, location);
    for (const edit of edits) data.set(edit.bytes, edit.offset);
    await writeFileAtomically(join(dirname(target), renamed), [data], { force });
  }
  await writeFileAtomically(target, [patched.bytes], { force });
}
