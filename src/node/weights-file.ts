import { resolve } from "node:path";
import { type Checkpoint, writableFormat } from "../checkpoint/index.ts";
import { check, InputError } from "../errors.ts";
import { input, type Value } from "../graph/index.ts";
import {
  descriptionKey,
  type KnownNetwork,
  type LayoutOptions,
  type Network,
  type NetworkDescription,
  networkOf,
  type Parameters,
  pair,
} from "../nets/index.ts";
import { type Discovery, discoverNetwork } from "../symmetry/index.ts";
import { isFloat, letGo, type Tensor } from "../tensor/index.ts";
import { openCheckpointFile } from "./checkpoint-file.ts";
import { checkGraphTarget, openGraph, writeGraph } from "./graph-file.ts";
import { pairWithGraph } from "./graph-pairing.ts";
import { copiesIn, readStored, type StoredWeights, writeStored } from "./stored-weights.ts";
import { checkTarget } from "./write-target.ts";

/** Where the network of some weights comes from, where their file does not say. */
export interface WeightsOptions {
  readonly network?: Network | undefined;
  /** An ONNX file of the network that the weights are for. */
  readonly graph?: string | undefined;
  /** What the layout of a recognised checkpoint leaves open. */
  readonly layout?: LayoutOptions;
}

interface WriteOptions {
  readonly force?: boolean;
}

interface ReadOptions {
  /** Larger checkpoints are read tensor by tensor, each whenever it is asked for, while the file is open. */
  readonly mostBytes?: number;
}

/** Weights in a file, each in its own type, with the network that they are for. */
export interface WeightsFile extends AsyncDisposable {
  readonly path: string;
  readonly discovery: Discovery;
  /** Computes the network; throws where the graph cannot be computed, or has several inputs or outputs. */
  readonly network: () => Network;
  /** Which built-in network it is; null for a graph. */
  readonly description: NetworkDescription | null;
  /** What was assumed about the network, in words. */
  readonly assumptions: readonly string[];
  /** Tensors of the file that are no parameters of the network. */
  readonly extra: readonly string[];
  /** The parameters by their names in the network, in the types of the file. */
  read(options?: ReadOptions): Promise<Parameters>;
  /** Throws unless parameters can be written to a file of this name. */
  checkTarget(path: string, options: WriteOptions): Promise<void>;
  /** Writes other parameters to a file of the kind that its name says, and everything else as it was. */
  write(path: string, parameters: Parameters, options: WriteOptions): Promise<void>;
}

/** Opens weights together with their network; reads no weights but those that may be copies of others. */
export async function openWeights(path: string, options: WeightsOptions = {}): Promise<WeightsFile> {
  if (!path.toLowerCase().endsWith(".onnx")) return openCheckpointWeights(path, options);
  const { graph = path, network } = options;
  check(resolve(graph) === resolve(path) && network === undefined, () => ({
    code: "usage",
    where: path,
    message: "expected no other network for an ONNX file, which has its own",
    remedy: "leave out --graph and --net",
  }));
  return openOnnxWeights(path);
}

async function openOnnxWeights(path: string): Promise<WeightsFile> {
  const graph = await openGraph(path);
  const { discovery, network, fixed, weights: names, initializers } = graph;
  return {
    path,
    discovery,
    network,
    description: null,
    assumptions: [],
    extra: [],
    read: async () => numbers(named([...names, ...fixed], initializers), path),
    checkTarget: (target, { force = false }) => checkGraphTarget(graph, target, force),
    write: (target, parameters, { force = false }) =>
      writeGraph(graph, target, { tensors: new Map(Object.entries(named(names, parameters))), force }),
    [Symbol.asyncDispose]: async () => {},
  };
}

function named(names: readonly string[], tensors: Parameters): Parameters {
  return Object.fromEntries(names.map((name) => [name, tensors[name] as Tensor]));
}

/** Throws for a NaN, with which nothing can be compared or put in order. */
function numbers(tensors: Parameters, where: string): Parameters {
  for (const [name, tensor] of Object.entries(tensors)) {
    check(!hasNaN(tensor), () => ({
      code: "not-a-number",
      where: `${where}, tensor ${JSON.stringify(name)}`,
      message: "expected numbers, got NaN",
      remedy: "take a checkpoint from before the training run diverged",
    }));
    letGo(tensor);
  }
  return tensors;
}

function hasNaN(tensor: Tensor): boolean {
  const { dtype, data } = tensor;
  // All bits of the exponent and some of the mantissa.
  if (dtype === "float16") return largestSize(data as Uint16Array) > 0x7c00;
  if (dtype === "bfloat16") return largestSize(data as Uint16Array) > 0x7f80;
  return isFloat(dtype) && holdsNaN(data as Float64Array);
}

/** A loop, as callbacks are handed each number in memory of its own. */
function holdsNaN(numbers: Float64Array): boolean {
  for (let i = 0; i < numbers.length; i++) if (Number.isNaN(numbers[i])) return true;
  return false;
}

/** The bits of the largest absolute value, above which only NaN is; a loop, as there can be billions. */
function largestSize(halves: Uint16Array): number {
  let largest = 0;
  for (let i = 0; i < halves.length; i++) largest = Math.max(largest, (halves[i] as number) & 0x7fff);
  return largest;
}

async function openCheckpointWeights(path: string, options: WeightsOptions): Promise<WeightsFile> {
  const file = await openCheckpointFile(path);
  try {
    const { graph } = options;
    const { weights, ...known } =
      graph === undefined
        ? await ofNetwork(file.checkpoint, path, options)
        : await ofGraph(file.checkpoint, path, graph);
    return {
      path,
      ...known,
      read: async ({ mostBytes = Number.POSITIVE_INFINITY } = {}) =>
        numbers({ ...known.fixed, ...(await readStored(weights, { lazily: file.bytes > mostBytes })) }, path),
      checkTarget: async (target, { force = false }) => {
        writableFormat(target);
        await checkTarget(target, [path], force);
      },
      write: (target, parameters, { force = false }) =>
        writeStored(weights, target, { parameters, metadata: known.metadata, force }),
      [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
    };
  } catch (error) {
    await file[Symbol.asyncDispose]();
    throw error;
  }
}

interface KnownWeights extends Pick<WeightsFile, "discovery" | "network" | "description" | "assumptions" | "extra"> {
  readonly weights: StoredWeights;
  /** Numbers that the network has besides. */
  readonly fixed: Parameters;
  readonly metadata: Readonly<Record<string, string>>;
}

async function ofNetwork(checkpoint: Checkpoint, path: string, options: WeightsOptions): Promise<KnownWeights> {
  const { network, assumptions } = knownNetwork(checkpoint, path, options);
  const { names, extra } = pair(network, checkpoint.entries, path);
  const copies = await copiesIn(checkpoint, { names, extra, outputs: [outputOf(network)], where: path });
  return {
    discovery: discoverNetwork(network),
    network: () => network,
    description: network.description,
    assumptions,
    extra: extra.filter((name) => !copies.has(name)),
    weights: { checkpoint, names, transposed: new Set(), copies },
    fixed: {},
    metadata: { [descriptionKey]: JSON.stringify(network.description) },
  };
}

function knownNetwork(checkpoint: Checkpoint, path: string, { network, layout }: WeightsOptions): KnownNetwork {
  const known = network ? { network, assumptions: [] } : networkOf(checkpoint, path, layout);
  if (known) return known;
  throw new InputError({
    code: "unknown-network",
    where: path,
    message: "expected a file that says which network its weights are for, got tensors alone",
    remedy: "give its graph with --graph model.onnx, or name a built-in network with --net",
  });
}

function outputOf({ inputShape, inputKind, parameters, apply }: Network): Value {
  const x = input(" x", inputKind === "tokens" ? "int64" : "float32", [2, ...inputShape]);
  const inputs = parameters.map(({ name, shape }) => [name, input(name, "float32", shape)] as const);
  return apply(x, Object.fromEntries(inputs)).output;
}

async function ofGraph(checkpoint: Checkpoint, path: string, graphPath: string): Promise<KnownWeights> {
  const graph = await openGraph(graphPath);
  const { discovery, network, outputs } = graph;
  const { names, extra, transposed, assumptions } = pairWithGraph(graph, checkpoint.entries, path);
  const copies = await copiesIn(checkpoint, { names, extra, outputs, where: path });
  return {
    discovery,
    network,
    description: null,
    assumptions,
    extra: extra.filter((name) => !copies.has(name)),
    weights: { checkpoint, names, transposed, copies },
    fixed: named(
      graph.fixed.filter((name) => !names.has(name)),
      graph.initializers,
    ),
    metadata: {},
  };
}
