import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  blobSource,
  encodeNpz,
  encodeSafetensors,
  openPytorch,
  openSafetensors,
  readAll,
} from "../../src/checkpoint/index.ts";
import { apply, conv, input, type Value } from "../../src/graph/index.ts";
import { decodeModel, encodeModel, graphToModel, type TensorProto } from "../../src/onnx/index.ts";
import { convert, type Shape, type Tensor, zeros } from "../../src/tensor/index.ts";
import { roundTripFile } from "../golden/round-trip/written.ts";
import { orbifold } from "./orbifold.ts";

/** The ONNX file of this name that PyTorch exported. */
export function torchFile(name: string): string {
  return fileURLToPath(new URL(`../golden/onnx/torch/${name}.onnx`, import.meta.url));
}

/** The words of a command that name a model, and the ending of what is written of it. */
export interface Model {
  readonly words: readonly string[];
  readonly ending: ".onnx" | ".safetensors" | ".npz";
}

/** Two training runs, written by `writeModels`. */
export const trained = "out/mlp-seed7.safetensors";
export const other = "out/mlp-seed8.safetensors";

const flax = fileURLToPath(new URL("../golden/flax/variables.msgpack", import.meta.url));
const onBlock = ["--graph", roundTripFile("block-tracing.onnx")];

/** A model of every kind of file, some of which are made by `writeModels`, in the folder of these. */
export const models: Readonly<Record<string, Model>> = {
  "an ONNX file": { words: [torchFile("residual-tracing-17")], ending: ".onnx" },
  "an ONNX file with external data": { words: ["external.onnx"], ending: ".onnx" },
  "a checkpoint that describes itself": { words: [trained], ending: ".safetensors" },
  "a PyTorch file with tied weights": { words: [roundTripFile("gpt2.pt"), "--heads", "2"], ending: ".safetensors" },
  "a PyTorch file and its graph": { words: [roundTripFile("block.pt"), ...onBlock], ending: ".safetensors" },
  "a PyTorch file as npz": { words: [roundTripFile("block.pt"), ...onBlock], ending: ".npz" },
  npz: { words: ["block.npz", ...onBlock], ending: ".npz" },
  "sharded safetensors": { words: ["shards", ...onBlock], ending: ".safetensors" },
  "names with a wrapper": { words: ["wrapped.safetensors", ...onBlock], ending: ".safetensors" },
  "half precision": { words: ["half.safetensors", ...onBlock], ending: ".safetensors" },
  flax: { words: [flax, "--graph", "flax.onnx"], ending: ".safetensors" },
};

/** Trains two networks in a folder, and writes the files that `models` names. */
export async function writeModels(folder: string): Promise<void> {
  const recipe = ["--data", "digits", "--widths", "12", "--epochs", "3", "--count", "2", "--seed", "7", "-o", "out"];
  const { status, stderr } = await orbifold(folder, "train", "mlp", ...recipe);
  if (status !== 0) throw new Error(stderr);
  const write = (name: string, pieces: readonly Uint8Array[]) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), Buffer.concat(pieces));
  };
  const block = await blockWeights();
  const renamed = (change: (name: string) => string) => block.map(([name, value]) => [change(name), value] as const);
  write("block.npz", encodeNpz(block));
  write("wrapped.safetensors", encodeSafetensors(renamed((name) => `module.${name}`)));
  write(
    "half.safetensors",
    encodeSafetensors(block.map(([name, value]) => [name, convert(value, "float16")] as const)),
  );
  const shards = { "a.safetensors": block.slice(0, 5), "b.safetensors": block.slice(5) };
  const weightMap = Object.entries(shards).flatMap(([file, part]) => part.map(([name]) => [name, file] as const));
  for (const [file, part] of Object.entries(shards)) write(`shards/${file}`, encodeSafetensors(part));
  const index = JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(weightMap) });
  write("shards/model.safetensors.index.json", [Buffer.from(index)]);
  const { model, data } = withExternalData(torchFile("mlp-tracing-17"), "weights.bin");
  write("external.onnx", [model]);
  write("weights.bin", [data]);
  write("flax.onnx", [flaxGraph()]);
}

/** The tensors of a file with its metadata. */
export async function readSafetensors(path: string) {
  const { metadata, ...checkpoint } = await openSafetensors(blobSource(new Blob([readFileSync(path)])));
  return { metadata, tensors: await readAll({ metadata, ...checkpoint }) };
}

/** Writes a file of tensors with its metadata. */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, Tensor>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  writeFileSync(path, Buffer.concat(encodeSafetensors(tensors, metadata)));
}

/** The tensors of block.pt. */
export async function blockWeights(): Promise<(readonly [string, Tensor])[]> {
  const file = new Blob([readFileSync(roundTripFile("block.pt"))]);
  return Object.entries(await readAll(await openPytorch(blobSource(file))));
}

/** A model with its initialisers in a file of their own. */
function withExternalData(path: string, location: string) {
  const model = decodeModel(new Uint8Array(readFileSync(path)), path);
  const pieces: Uint8Array[] = [];
  let offset = 0;
  const moved = (model.graph?.initializer ?? []).map(({ rawData = new Uint8Array(), ...rest }): TensorProto => {
    const place = { location, offset: String(offset), length: String(rawData.byteLength) };
    pieces.push(rawData);
    offset += rawData.byteLength;
    return { ...rest, dataLocation: 1, externalData: Object.entries(place).map(([key, value]) => ({ key, value })) };
  });
  return {
    model: encodeModel({ ...model, graph: { ...model.graph, initializer: moved } }),
    data: Buffer.concat(pieces),
  };
}

/** The network of test/golden/flax/generate.py, on weights that are all zero. */
function flaxGraph(): Uint8Array {
  const shapes: Readonly<Record<string, Shape>> = {
    "params.Conv_0.kernel": [2, 2, 1, 3],
    "params.Conv_0.bias": [3],
    "params.BatchNorm_0.scale": [3],
    "params.BatchNorm_0.bias": [3],
    "batch_stats.BatchNorm_0.mean": [3],
    "batch_stats.BatchNorm_0.var": [3],
    "params.Dense_0.kernel": [36, 2],
    "params.Dense_0.bias": [2],
  };
  const of = (name: string): Value => input(name, "float32", shapes[name] as Shape);
  const x = input("x", "float32", [2, 1, 3, 4]);
  const kernel = of("params.Conv_0.kernel").transpose([3, 2, 0, 1]);
  const features = conv(x, kernel, { bias: of("params.Conv_0.bias"), pads: [0, 0, 1, 1] });
  const [norm, statistics] = ["params.BatchNorm_0", "batch_stats.BatchNorm_0"];
  const operands = [of(`${norm}.scale`), of(`${norm}.bias`), of(`${statistics}.mean`), of(`${statistics}.var`)];
  const normal = apply("BatchNormalization", [features, ...operands], { epsilon: 1e-5 });
  const y = normal.transpose([0, 2, 3, 1]).reshape([2, 36]).matmul(of("params.Dense_0.kernel"));
  const initializers = Object.fromEntries(
    Object.entries(shapes).map(([name, shape]) => [name, zeros("float32", shape)]),
  );
  return encodeModel(graphToModel({ y: y.add(of("params.Dense_0.bias")) }, { initializers }));
}
