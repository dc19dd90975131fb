import { type ByteSource, openSafetensors } from "../checkpoint/index.ts";
import { describedNetwork, type Network } from "../nets/index.ts";
import { fileSource } from "../node/index.ts";
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
}

/** What a file holds, as far as its table of contents says. */
interface Contents {
  readonly format: string;
  readonly tensors: readonly TensorInfo[];
  readonly network: Network | null;
  readonly metadata: Readonly<Record<string, string>>;
}

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  await using source = await fileSource(path);
  const { format, tensors, network, metadata } = await contentsOf(source);
  const parameters = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const net = network?.description;
  return {
    json: { format, tensors, parameters, bytes: source.size, ...(net && { net }), metadata },
    text: [
      `${path}: ${format}, ${formatBytes(source.size)}`,
      ...(net ? [`network: ${net.net}, ${describe(net)}`] : []),
      `${formatCount(parameters)} numbers in ${formatCount(tensors.length)} tensors`,
      "",
      ...table(
        ["tensor", "type", "shape"],
        tensors.map(({ name, dtype, shape }) => [printable(name), dtype, formatShape(shape)]),
      ),
    ],
  };
}

function contentsOf(source: ByteSource): Promise<Contents> {
  return source.name.toLowerCase().endsWith(".onnx") ? onnxContents(source) : safetensorsContents(source);
}

async function safetensorsContents(source: ByteSource): Promise<Contents> {
  const checkpoint = await openSafetensors(source);
  const tensors = [...checkpoint.entries].map(([name, { dtype, storedType, shape }]) => ({
    name,
    dtype: dtype ?? storedType,
    shape,
  }));
  const network = describedNetwork(checkpoint, source.name);
  return { format: "safetensors", tensors, network, metadata: checkpoint.metadata };
}

async function onnxContents(source: ByteSource): Promise<Contents> {
  const { graph = {}, metadataProps = [] } = decodeModel(await source.read(0, source.size), source.name);
  const names = new Map(Object.entries(dataTypes).map(([dtype, dataType]) => [dataType, dtype]));
  const tensors = (graph.initializer ?? []).map(({ name = "", dataType = 0, dims = [] }) => ({
    name,
    dtype: names.get(dataType) ?? `ONNX type ${dataType}`,
    shape: dims,
  }));
  const metadata = Object.fromEntries(metadataProps.map(({ key = "", value = "" }) => [key, value]));
  return { format: "onnx", tensors, network: null, metadata };
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
