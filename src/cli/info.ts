import { describedNetwork, type Network } from "../nets/index.ts";
import { fileSource, openCheckpointFile } from "../node/index.ts";
import { dataTypes, decodeModel } from "../onnx/index.ts";
import { elementCount, formatShape, type Shape } from "../tensor/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { formatBytes, formatCount, table } from "./format.ts";

export const command: Command = {
  summary: "what is in a checkpoint or an ONNX file",
  usage: "<file>",
  options: {},
  positionals: [1, 1],
  examples: ["info out/mlp-seed0.safetensors"],
  run,
};

interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: Shape;
  /** An earlier tensor that is the same memory. */
  readonly sharedWith?: string;
}

/** What a file holds, as far as its table of contents says. */
interface Contents {
  readonly format: string;
  readonly bytes: number;
  readonly tensors: readonly TensorInfo[];
  readonly network: Network | null;
  readonly metadata: Readonly<Record<string, string>>;
}

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  const { format, bytes, tensors, network, metadata } = await contentsOf(path);
  const parameters = tensors.reduce(
    (sum, { shape, sharedWith }) => sum + (sharedWith === undefined ? elementCount(shape) : 0),
    0,
  );
  const net = network?.description;
  return {
    json: { format, tensors, parameters, bytes, ...(net && { net }), metadata },
    text: [
      `${path}: ${format}, ${formatBytes(bytes)}`,
      ...(net ? [`network: ${net.net}, ${describe(net)}`] : []),
      `${formatCount(parameters)} numbers in ${formatCount(tensors.length)} tensors`,
      "",
      ...table(
        ["tensor", "type", "shape"],
        tensors.map(({ name, dtype, shape, sharedWith }) => [
          printable(name),
          printable(dtype),
          formatShape(shape) + (sharedWith === undefined ? "" : `, tied to ${printable(sharedWith)}`),
        ]),
      ),
    ],
  };
}

function contentsOf(path: string): Promise<Contents> {
  return path.toLowerCase().endsWith(".onnx") ? onnxContents(path) : checkpointContents(path);
}

async function checkpointContents(path: string): Promise<Contents> {
  await using file = await openCheckpointFile(path);
  const { checkpoint, bytes } = file;
  const tensors = [...checkpoint.entries].map(([name, { dtype, storedType, shape, sharedWith }]) => ({
    name,
    dtype: dtype ?? storedType,
    shape,
    ...(sharedWith !== undefined && { sharedWith }),
  }));
  const network = describedNetwork(checkpoint, path);
  return { format: checkpoint.format, bytes, tensors, network, metadata: checkpoint.metadata };
}

async function onnxContents(path: string): Promise<Contents> {
  await using source = await fileSource(path);
  const { graph = {}, metadataProps = [] } = decodeModel(await source.read(0, source.size), path);
  const names = new Map(Object.entries(dataTypes).map(([dtype, dataType]) => [dataType, dtype]));
  const tensors = (graph.initializer ?? []).map(({ name = "", dataType = 0, dims = [] }) => ({
    name,
    dtype: names.get(dataType) ?? `ONNX type ${dataType}`,
    shape: dims,
  }));
  const metadata = Object.fromEntries(metadataProps.map(({ key = "", value = "" }) => [key, value]));
  return { format: "onnx", bytes: source.size, tensors, network: null, metadata };
}

/** A name as it stands in the file, unless a terminal would obey it. */
function printable(name: string): string {
  return /\p{C}/u.test(name) ? JSON.stringify(name).replaceAll(/\p{C}/gu, "\ufffd") : name;
}

function describe({ net: _, ...options }: Network["description"]): string {
  const words = Object.entries(options).map(
    ([name, value]) => `${name} ${typeof value === "object" ? formatShape(value) : value}`,
  );
  return words.join(", ");
}
