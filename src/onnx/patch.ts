import { check, InputError } from "../errors.ts";
import { convert, formatShape, sameShape, type Tensor, tensorBytes } from "../tensor/index.ts";
import { dtypeOfDataType } from "./data-type.ts";
import { externalLocation, isInside } from "./external-data.ts";
import { quote } from "./imported-node.ts";
import { listPieces } from "./patch-lists.ts";
import { framesOf, type Piece, replacePieces } from "./patch-pieces.ts";
import type { TensorProto } from "./proto.ts";
import { type MessageSchema, maxModelBytes, schemas } from "./schema.ts";
import { listNames } from "./tensor-proto.ts";
import { decodeModel, decodeTensor } from "./wire-reader.ts";
import { openSource, type Source } from "./wire-source.ts";

/** A model with other weights, and what belongs into the copies of the files that hold its external data. */
export interface PatchedModel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly files: readonly PatchedFile[];
}

/** A file of external data: the patched model reads it at `renamed`, where its bytes are those of `location` with `edits`. */
export interface PatchedFile {
  /** Both are paths relative to the model's folder. */
  readonly location: string;
  readonly renamed: string;
  readonly edits: readonly { readonly offset: number; readonly bytes: Uint8Array<ArrayBuffer> }[];
}

export interface PatchOptions {
  /** The file's name, for error messages. */
  readonly where?: string;
  /** What the copy of the external data is called; further files get a number. Without it the model has to have none. */
  readonly dataFile?: string;
}

/**
 * An ONNX file with other values for the initializers named in `tensors`, and everything else byte for byte as it was.
 * Each keeps its element type, to which its values are rounded once, and the form it is stored in.
 */
export function patchInitializers(
  bytes: Uint8Array<ArrayBuffer>,
  tensors: ReadonlyMap<string, Tensor>,
  { where = "ONNX model", dataFile }: PatchOptions = {},
): PatchedModel {
  // Parsed once as a whole, so that what follows meets no damage.
  decodeModel(bytes, where);
  const plan: Plan = { source: openSource(bytes, where), tensors, dataFile, found: new Set(), files: new Map() };
  const pieces = findPieces(plan, schemas.ModelProto, bytes.byteLength);
  const missing = [...tensors.keys()].find((name) => !plan.found.has(name));
  if (missing !== undefined) throw mismatch(where, missing, "expected an initializer of the model, got another name");
  const { chunks, size } = replacePieces(plan.source.bytes, pieces);
  check(size <= maxModelBytes, () => ({
    code: "onnx-too-large",
    where,
    message: `expected at most ${maxModelBytes} bytes, got ${size}`,
    remedy: "store its tensors as external data",
  }));
  return { bytes: joined(chunks, size), files: [...plan.files.values()] };
}

interface Plan {
  readonly source: Source;
  readonly tensors: ReadonlyMap<string, Tensor>;
  readonly dataFile: string | undefined;
  /** The names of `tensors` seen so far. */
  readonly found: Set<string>;
  readonly files: Map<string, PatchedFile & { readonly edits: PatchedFile["edits"][number][] }>;
}

/** What changes in a message that ends at `end`. */
function findPieces(plan: Plan, schema: MessageSchema, end: number): Piece[] {
  return framesOf(plan.source, schema, end, (name, kind, stop) => {
    if (kind === "TensorProto") return tensorPieces(plan, name === "initializer", stop);
    return kind && findPieces(plan, schemas[kind], stop);
  });
}

function tensorPieces(plan: Plan, isInitializer: boolean, end: number): Piece[] {
  const { source, tensors, found } = plan;
  const start = source.reader.pos;
  const proto = decodeTensor(source.bytes.subarray(start, end), source.where);
  const name = proto.name ?? "";
  const given = isInitializer ? tensors.get(name) : undefined;
  const value = given && fitted(given, proto, source.where);
  if (value && found.has(name)) throw mismatch(source.where, name, "expected one initializer of this name, got two");
  if (value) found.add(name);
  if (proto.dataLocation === 1) return externalPieces(plan, proto, value, end);
  if (!value) return [];
  checkStored(proto, value, source.where);
  if (!proto.rawData) return listPieces(source, value, end);
  const at = proto.rawData.byteOffset - source.bytes.byteOffset;
  return [{ start: at, end: at + proto.rawData.byteLength, bytes: tensorBytes(value) }];
}

/** The tensor in the element type of the one it replaces. */
function fitted(value: Tensor, { name = "", dims = [], dataType = 0, segment }: TensorProto, where: string): Tensor {
  const place = `${where}, initializer ${quote(name)}`;
  if (!sameShape(value.shape, dims)) {
    const message = `expected a tensor ${formatShape(dims)} as is stored, got ${formatShape(value.shape)}`;
    throw mismatch(where, name, message);
  }
  if (segment) throw mismatch(where, name, "expected a whole tensor in the file, got a segment of one");
  return convert(value, dtypeOfDataType(dataType, place));
}

/** Throws unless the new elements take the place of as many old ones. */
function checkStored(proto: TensorProto, value: Tensor, where: string): void {
  const { name = "", rawData } = proto;
  const [stored, needed] = rawData ? [rawData, tensorBytes(value)] : [proto[listNames[value.dtype]], value.data];
  const length = stored?.length ?? 0;
  if (length === needed.length) return;
  throw mismatch(where, name, `expected stored data of length ${needed.length}, got ${length}`);
}

function mismatch(where: string, name: string, message: string): InputError {
  return new InputError({
    code: "bad-parameters",
    where: `${where}, initializer ${quote(name)}`,
    message,
    remedy: "give weights of the model that is patched",
  });
}

/** Where the model says in which file the tensor lies; its new elements are noted as an edit of that file. */
function externalPieces(plan: Plan, proto: TensorProto, value: Tensor | undefined, end: number): Piece[] {
  const { source, dataFile, files } = plan;
  const place = `${source.where}, tensor ${quote(proto.name ?? "")}`;
  if (dataFile === undefined && !value) return [];
  const { location, offset } = externalLocation(proto, place);
  check(dataFile !== undefined && isInside(dataFile), () => ({
    code: "external-data",
    where: place,
    message: `expected a file name for the copy of external data, got ${dataFile === undefined ? "none" : quote(dataFile)}`,
    remedy: "name a file beside the new model",
  }));
  const renamed = files.size === 0 ? dataFile : `${dataFile}.${files.size}`;
  const file = files.get(location) ?? { location, renamed, edits: [] };
  files.set(location, file);
  if (value) file.edits.push({ offset, bytes: tensorBytes(value) });
  return framesOf(source, schemas.TensorProto, end, (name, _, stop) =>
    name === "externalData" ? renamedPieces(source, file.renamed, stop) : undefined,
  );
}

/** The value of the entry `location`; other entries stay. */
function renamedPieces(source: Source, renamed: string, end: number): Piece[] {
  const { reader, bytes } = source;
  let isLocation = false;
  const frames = framesOf(source, schemas.StringStringEntryProto, end, (name, _, stop) => {
    const text = bytes.subarray(reader.pos, stop);
    if (name === "key") isLocation = new TextDecoder().decode(text) === "location";
    const replacement = new TextEncoder().encode(renamed);
    return name === "value" ? [{ start: reader.pos, end: stop, bytes: replacement }] : undefined;
  });
  return isLocation ? frames : [];
}

function joined(chunks: readonly Uint8Array[], size: number): Uint8Array<ArrayBuffer> {
  const file = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    file.set(chunk, at);
    at += chunk.byteLength;
  }
  return file;
}
