import { basename, dirname, join } from "node:path";
import { check } from "../errors.ts";
import type { Value } from "../graph/index.ts";
import { type Network, networkFromOnnx } from "../nets/index.ts";
import { type ImportedModel, importModel, type PatchedFile, patchInitializers } from "../onnx/index.ts";
import { type Discovery, discoverModel } from "../symmetry/index.ts";
import { elementCount, type Tensor } from "../tensor/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { externalFile, loadBesides, readWhole } from "./onnx-files.ts";
import { checkTarget } from "./write-target.ts";

/** An ONNX file with its symmetries. */
export interface GraphFile extends Pick<ImportedModel, "initializers"> {
  readonly path: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly outputs: readonly Value[];
  readonly discovery: Discovery;
  /** Stored numbers that the output varies with and the symmetries leave alone, by name. */
  readonly fixed: readonly string[];
  /** The others, which are indexed by units. */
  readonly weights: readonly string[];
  /** Computes the graph; throws where it cannot be computed, or has several inputs or outputs. */
  readonly network: () => Network;
}

/** Opens an ONNX file. */
export async function openGraph(path: string): Promise<GraphFile> {
  const bytes = await readWhole(path);
  const loadExternal = loadBesides(path);
  const model = importModel(bytes, path, { loadExternal, unknown: "opaque" });
  const discovery = discoverModel(model);
  const isSingle = (name: string) => elementCount((model.initializers[name] as Tensor).shape) === 1;
  const weights = Object.keys(discovery.group.layouts).filter((name) => !isSingle(name));
  return {
    path,
    bytes,
    initializers: model.initializers,
    outputs: Object.values(model.outputs),
    discovery,
    fixed: model.parameters.filter((name) => !weights.includes(name)),
    weights,
    network: () => networkFromOnnx(bytes, path, { loadExternal }).network,
  };
}

/** Throws unless weights of an ONNX file can be written to a file of this name. */
export async function checkGraphTarget({ path }: GraphFile, target: string, isForced: boolean): Promise<void> {
  check(target.toLowerCase().endsWith(".onnx"), () => ({
    code: "unknown-format",
    where: target,
    message: "expected a name that ends in .onnx for weights from an ONNX file",
    remedy: "choose another -o",
  }));
  await checkTarget(target, [path], isForced);
}

interface GraphWriting {
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly force: boolean;
}

/** Writes a copy of an ONNX file, and of its external data, with other numbers in the given tensors. */
export async function writeGraph(graph: GraphFile, target: string, { tensors, force }: GraphWriting): Promise<void> {
  await checkGraphTarget(graph, target, force);
  const { path: where, bytes } = graph;
  const patched = patchInitializers(bytes, tensors, { where, dataFile: `${basename(target)}.data` });
  const copyOf = ({ renamed }: PatchedFile) => join(dirname(target), renamed);
  const sources = patched.files.map(({ location }) => join(dirname(where), location));
  for (const file of patched.files) await checkTarget(copyOf(file), sources, force);
  for (const file of patched.files) {
    const data = await externalFile(where, file.location);
    for (const edit of file.edits) data.set(edit.bytes, edit.offset);
    await writeFileAtomically(copyOf(file), [data], { force });
  }
  await writeFileAtomically(target, [patched.bytes], { force });
}
