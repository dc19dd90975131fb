import type * as proto from "./proto.ts";
import type { ArrayKind, NumberKind, TextKind } from "./wire-kinds.ts";

interface Messages {
  ModelProto: proto.ModelProto;
  OperatorSetIdProto: proto.OperatorSetIdProto;
  StringStringEntryProto: proto.StringStringEntryProto;
  GraphProto: proto.GraphProto;
  NodeProto: proto.NodeProto;
  AttributeProto: proto.AttributeProto;
  TensorProto: proto.TensorProto;
  SegmentProto: proto.SegmentProto;
  SparseTensorProto: proto.SparseTensorProto;
  ValueInfoProto: proto.ValueInfoProto;
  TypeProto: proto.TypeProto;
  TensorTypeProto: proto.TensorTypeProto;
  TensorShapeProto: proto.TensorShapeProto;
  DimensionProto: proto.DimensionProto;
  FunctionProto: proto.FunctionProto;
}

type MessageName = keyof Messages;
type Element = NumberKind | TextKind | MessageName;
type Row<T> = readonly [number: number, name: Exclude<keyof T, "unknown">, kind: Element | `${Element}[]` | ArrayKind];

/** Field number, name and kind, in the order of the numbers, which is the order they are written in. */
const rows: { readonly [M in MessageName]: readonly Row<Messages[M]>[] } = {
  ModelProto: [
    [1, "irVersion", "int53"],
    [2, "producerName", "string"],
    [3, "producerVersion", "string"],
    [4, "domain", "string"],
    [5, "modelVersion", "int64"],
    [6, "docString", "string"],
    [7, "graph", "GraphProto"],
    [8, "opsetImport", "OperatorSetIdProto[]"],
    [14, "metadataProps", "StringStringEntryProto[]"],
    [25, "functions", "FunctionProto[]"],
  ],
  OperatorSetIdProto: [
    [1, "domain", "string"],
    [2, "version", "int53"],
  ],
  StringStringEntryProto: [
    [1, "key", "string"],
    [2, "value", "string"],
  ],
  GraphProto: [
    [1, "node", "NodeProto[]"],
    [2, "name", "string"],
    [5, "initializer", "TensorProto[]"],
    [10, "docString", "string"],
    [11, "input", "ValueInfoProto[]"],
    [12, "output", "ValueInfoProto[]"],
    [13, "valueInfo", "ValueInfoProto[]"],
    [15, "sparseInitializer", "SparseTensorProto[]"],
    [16, "metadataProps", "StringStringEntryProto[]"],
  ],
  NodeProto: [
    [1, "input", "string[]"],
    [2, "output", "string[]"],
    [3, "name", "string"],
    [4, "opType", "string"],
    [5, "attribute", "AttributeProto[]"],
    [6, "docString", "string"],
    [7, "domain", "string"],
    [8, "overload", "string"],
    [9, "metadataProps", "StringStringEntryProto[]"],
  ],
  AttributeProto: [
    [1, "name", "string"],
    [2, "f", "float"],
    [3, "i", "int64"],
    [4, "s", "text"],
    [5, "t", "TensorProto"],
    [6, "g", "GraphProto"],
    [7, "floats", "float[]"],
    [8, "ints", "int64[]"],
    [9, "strings", "text[]"],
    [10, "tensors", "TensorProto[]"],
    [11, "graphs", "GraphProto[]"],
    [13, "docString", "string"],
    [14, "tp", "TypeProto"],
    [15, "typeProtos", "TypeProto[]"],
    [20, "type", "int32"],
    [21, "refAttrName", "string"],
    [22, "sparseTensor", "SparseTensorProto"],
    [23, "sparseTensors", "SparseTensorProto[]"],
  ],
  TensorProto: [
    [1, "dims", "int53[]"],
    [2, "dataType", "int32"],
    [3, "segment", "SegmentProto"],
    [4, "floatData", "Float32Array"],
    [5, "int32Data", "Int32Array"],
    [6, "stringData", "text[]"],
    [7, "int64Data", "BigInt64Array"],
    [8, "name", "string"],
    [9, "rawData", "bytes"],
    [10, "doubleData", "Float64Array"],
    [11, "uint64Data", "BigUint64Array"],
    [12, "docString", "string"],
    [13, "externalData", "StringStringEntryProto[]"],
    [14, "dataLocation", "int32"],
    [16, "metadataProps", "StringStringEntryProto[]"],
  ],
  SegmentProto: [
    [1, "begin", "int53"],
    [2, "end", "int53"],
  ],
  SparseTensorProto: [
    [1, "values", "TensorProto"],
    [2, "indices", "TensorProto"],
    [3, "dims", "int53[]"],
  ],
  ValueInfoProto: [
    [1, "name", "string"],
    [2, "type", "TypeProto"],
    [3, "docString", "string"],
    [4, "metadataProps", "StringStringEntryProto[]"],
  ],
  TypeProto: [
    [1, "tensorType", "TensorTypeProto"],
    [6, "denotation", "string"],
  ],
  TensorTypeProto: [
    [1, "elemType", "int32"],
    [2, "shape", "TensorShapeProto"],
  ],
  TensorShapeProto: [[1, "dim", "DimensionProto[]"]],
  DimensionProto: [
    [1, "dimValue", "int53"],
    [2, "dimParam", "string"],
    [3, "denotation", "string"],
  ],
  FunctionProto: [
    [1, "name", "string"],
    [4, "input", "string[]"],
    [5, "output", "string[]"],
    [6, "attribute", "string[]"],
    [7, "node", "NodeProto[]"],
    [8, "docString", "string"],
    [9, "opsetImport", "OperatorSetIdProto[]"],
    [10, "domain", "string"],
    [11, "attributeProto", "AttributeProto[]"],
    [12, "valueInfo", "ValueInfoProto[]"],
    [13, "overload", "string"],
    [14, "metadataProps", "StringStringEntryProto[]"],
  ],
};

/** Protobuf's own limit on the size of a message. */
export const maxModelBytes = 2 ** 31 - 1;

/** One field of a message. An `array` is a packed list held in a typed array. */
export type Field = { readonly number: number; readonly name: string } & (
  | { readonly form: "number"; readonly kind: NumberKind; readonly repeated: boolean }
  | { readonly form: "text"; readonly kind: TextKind; readonly repeated: boolean }
  | { readonly form: "array"; readonly kind: ArrayKind; readonly repeated: true }
  | { readonly form: "message"; readonly kind: MessageName; readonly repeated: boolean }
);

/** The fields of a message by number, in ascending order. */
export type MessageSchema = ReadonlyMap<number, Field>;

/** The schema of every message. */
export const schemas = Object.fromEntries(
  Object.entries(rows).map(([message, fields]) => [
    message,
    compile(fields as readonly Row<Record<string, unknown>>[]),
  ]),
) as { readonly [M in MessageName]: MessageSchema };

function compile(fields: readonly Row<Record<string, unknown>>[]): MessageSchema {
  return new Map(
    fields.map(([number, name, type]) => {
      const kind = type.replace("[]", "");
      const form = formOf(kind);
      return [number, { number, name, form, kind, repeated: form === "array" || type.endsWith("[]") } as Field];
    }),
  );
}

function formOf(kind: string): Field["form"] {
  if (kind.endsWith("Proto")) return "message";
  if (kind.endsWith("Array")) return "array";
  return kind === "string" || kind === "text" || kind === "bytes" ? "text" : "number";
}
