import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { encodeSafetensors } from "../src/checkpoint/index.ts";
import { input } from "../src/graph/index.ts";
import { initializeParameters, networkFrom, type Parameters } from "../src/nets/index.ts";
import { writeFileAtomically } from "../src/node/index.ts";
import { encodeModel, graphToModel, type ModelProto } from "../src/onnx/index.ts";
import { elementCount, rngKey, tensorBytes } from "../src/tensor/index.ts";
import { type Timing, timingOf } from "./harness.ts";

/** Times of a command from the start of its process to its end, and the most memory that it had. */
export interface CommandTiming {
  readonly timing: Timing;
  readonly peakBytes: number;
}

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const reportMemory = "data:text/javascript,process.on('exit',()=>console.error('peak',process.resourceUsage().maxRSS))";

/** Runs a command some times. */
export function timeCommand(words: readonly string[], rounds: number): CommandTiming {
  const runs = Array.from({ length: rounds }, () => {
    const start = performance.now();
    const { status, stderr } = spawnSync(process.execPath, ["--import", reportMemory, main, ...words], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
    return { time: performance.now() - start, peak: 1024 * Number(/peak (\d+)/.exec(stderr)?.[1]) };
  });
  return { timing: timingOf(runs.map(({ time }) => time)), peakBytes: Math.max(...runs.map(({ peak }) => peak)) };
}

/** Gives work a folder of its own, removed after it. */
export async function inFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "orbifold-bench-"));
  try {
    return await body(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** `orbifold census` of a ResNet50 for ImageNet as an ONNX file of 102 MB. */
export function timeResnetCensus(): Promise<CommandTiming> {
  return inFolder(async (folder) => {
    const path = join(folder, "resnet50.onnx");
    await writeFileAtomically(path, [encodeModel(resnetModel())]);
    return timeCommand(["census", path], 5);
  });
}

/** `orbifold census` of the 291 tensors of a Llama with 7 billion parameters, in a file whose data are all one hole. */
export function timeLlamaCensus(): Promise<CommandTiming> {
  return inFolder(async (folder) => {
    const path = join(folder, "llama.safetensors");
    await writeHollowLlama(path);
    return timeCommand(["census", path], 5);
  });
}

/** `orbifold canonicalize` of a ResNet50, without and with its certificate's evaluations left out of the account. */
export function timeResnetHash(): Promise<CommandTiming & { readonly checkpointBytes: number }> {
  return inFolder(async (folder) => {
    const path = join(folder, "resnet50.safetensors");
    const chunks = encodeSafetensors(resnetParameters());
    await writeFileAtomically(path, chunks);
    const checkpointBytes = chunks.reduce((sum, { byteLength }) => sum + byteLength, 0);
    return { ...timeCommand(["hash", path], 3), checkpointBytes };
  });
}

const resnet50 = networkFrom({ net: "resnet50", input: [3, 224, 224], outputs: 1000 });

function resnetParameters(): Parameters {
  return initializeParameters(resnet50, rngKey(0));
}

function resnetModel(): ModelProto {
  const parameters = resnetParameters();
  const values = resnet50.parameters.map(({ name, shape }) => [name, input(name, "float32", shape)] as const);
  const x = input("input", "float32", [1, ...resnet50.inputShape]);
  const model = graphToModel({ output: resnet50.apply(x, Object.fromEntries(values)).output });
  const initializer = Object.entries(parameters).map(([name, tensor]) => ({
    name,
    dims: tensor.shape,
    dataType: 1,
    rawData: tensorBytes(tensor),
  }));
  const inputs = model.graph?.input?.filter(({ name }) => name === "input") ?? [];
  return { ...model, graph: { ...model.graph, input: inputs, initializer } };
}

async function writeHollowLlama(path: string): Promise<void> {
  const llama = networkFrom({
    net: "llama",
    vocabulary: 32000,
    width: 4096,
    depth: 32,
    heads: 32,
    kvHeads: 32,
    hidden: 11008,
  });
  let end = 0;
  const fields = llama.parameters.map(({ name, shape }) => {
    const begin = end;
    end += 2 * elementCount(shape);
    return `${JSON.stringify(name)}:{"dtype":"BF16","shape":[${shape}],"data_offsets":[${begin},${end}]}`;
  });
  const header = new TextEncoder().encode(`{${fields.join()}}`);
  const prefix = new Uint8Array(8);
  new DataView(prefix.buffer).setBigUint64(0, BigInt(header.length), true);
  await writeFileAtomically(path, [prefix, header]);
  truncateSync(path, prefix.length + header.length + end);
}
