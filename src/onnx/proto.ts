/**
 * A file. This and the other messages of `onnx-ml.proto` are plain objects whose fields are all optional: an absent
 * field was not written, an absent list is empty, and a value in the file is present even where it is the default.
 */
export interface ModelProto extends Message {
  readonly irVersion?: number;
  readonly producerName?: string;
  readonly producerVersion?: string;
  readonly domain?: string;
  readonly modelVersion?: Int64;
  readonly docString?: string;
  readonly graph?: GraphProto;
  readonly opsetImport?: readonly OperatorSetIdProto[];
  readonly metadataProps?: readonly StringStringEntryProto[];
  readonly functions?: readonly FunctionProto[];
}

/** A signed 64-bit integer: a number where that is exact, a bigint beyond 2^53 - 1. */
export type Int64 = number | bigint;

/** A `bytes` field meant as text: a string where it is valid UTF-8, else the bytes themselves. */
export type Text = string | Uint8Array<ArrayBuffer>;

/** What every message has. */
export interface Message {
  readonly unknown?: readonly UnknownFields[];
}

/** Fields that no schema names, tags included, that stood behind the field numbered `after` (0: in front of all). */
export interface UnknownFields {
  readonly after: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** The version of an operator set that a model or function needs; the default domain is "". */
export interface OperatorSetIdProto extends Message {
  readonly domain?: string;
  readonly version?: number;
}

/** One pair of a string map. */
export interface StringStringEntryProto extends Message {
  readonly key?: string;
  readonly value?: string;
}

/** Nodes in topological order, their constants, and the typed inputs and outputs. */
export interface GraphProto extends Message {
  readonly node?: readonly NodeProto[];
  readonly name?: string;
  readonly initializer?: readonly TensorProto[];
  readonly docString?: string;
  readonly input?: readonly ValueInfoProto[];
  readonly output?: readonly ValueInfoProto[];
  readonly valueInfo?: readonly ValueInfoProto[];
  readonly sparseInitializer?: readonly SparseTensorProto[];
  readonly metadataProps?: readonly StringStringEntryProto[];
}

/** One application of an operator or function; an empty input name means that the optional input is left out. */
export interface NodeProto extends Message {
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly name?: string;
  readonly opType?: string;
  readonly attribute?: readonly AttributeProto[];
  readonly docString?: string;
  readonly domain?: string;
  readonly overload?: string;
  readonly metadataProps?: readonly StringStringEntryProto[];
}

/** A named constant of a node; `type`, one of `attributeTypes`, says which field holds it. */
export interface AttributeProto extends Message {
  readonly name?: string;
  readonly f?: number;
  readonly i?: Int64;
  readonly s?: Text;
  readonly t?: TensorProto;
  readonly g?: GraphProto;
  readonly floats?: readonly number[];
  readonly ints?: readonly Int64[];
  readonly strings?: readonly Text[];
  readonly tensors?: readonly TensorProto[];
  readonly graphs?: readonly GraphProto[];
  readonly docString?: string;
  readonly tp?: TypeProto;
  readonly typeProtos?: readonly TypeProto[];
  readonly type?: number;
  /** Inside a function: the attribute of the calling node that supplies the value. */
  readonly refAttrName?: string;
  readonly sparseTensor?: SparseTensorProto;
  readonly sparseTensors?: readonly SparseTensorProto[];
}

/** `AttributeProto.type`. */
export const attributeTypes = {
  undefined: 0,
  float: 1,
  int: 2,
  string: 3,
  tensor: 4,
  graph: 5,
  floats: 6,
  ints: 7,
  strings: 8,
  tensors: 9,
  graphs: 10,
  sparseTensor: 11,
  sparseTensors: 12,
  typeProto: 13,
  typeProtos: 14,
} as const;

/** A constant tensor: its elements lie in `rawData`, in the typed list of its data type, or in another file. */
export interface TensorProto extends Message {
  readonly dims?: readonly number[];
  readonly dataType?: number;
  readonly segment?: SegmentProto;
  readonly floatData?: Float32Array<ArrayBuffer>;
  readonly int32Data?: Int32Array<ArrayBuffer>;
  readonly stringData?: readonly Text[];
  readonly int64Data?: BigInt64Array<ArrayBuffer>;
  readonly name?: string;
  /** Little-endian elements; after decoding a view of the file's own bytes. */
  readonly rawData?: Uint8Array<ArrayBuffer>;
  readonly doubleData?: Float64Array<ArrayBuffer>;
  readonly uint64Data?: BigUint64Array<ArrayBuffer>;
  readonly docString?: string;
  readonly externalData?: readonly StringStringEntryProto[];
  /** 0: in this message, 1: in the file that `externalData` names. */
  readonly dataLocation?: number;
  readonly metadataProps?: readonly StringStringEntryProto[];
}

/** Bounds of a part of a tensor stored in parts. */
export interface SegmentProto extends Message {
  readonly begin?: number;
  readonly end?: number;
}

/** A tensor given by the positions and values of its non-zero elements. */
export interface SparseTensorProto extends Message {
  readonly values?: TensorProto;
  readonly indices?: TensorProto;
  readonly dims?: readonly number[];
}

/** A named value and its type. */
export interface ValueInfoProto extends Message {
  readonly name?: string;
  readonly type?: TypeProto;
  readonly docString?: string;
  readonly metadataProps?: readonly StringStringEntryProto[];
}

/** The type of a value; all but dense tensors (sequences, maps, ...) stay raw in `unknown`. */
export interface TypeProto extends Message {
  readonly tensorType?: TensorTypeProto;
  readonly denotation?: string;
}

/** Element type and, where known, shape of a tensor. */
export interface TensorTypeProto extends Message {
  readonly elemType?: number;
  readonly shape?: TensorShapeProto;
}

/** The axes of a tensor, outermost first. */
export interface TensorShapeProto extends Message {
  readonly dim?: readonly DimensionProto[];
}

/** An axis: its size, or the name of its size, or neither. */
export interface DimensionProto extends Message {
  readonly dimValue?: number;
  readonly dimParam?: string;
  readonly denotation?: string;
}

/** An operator defined by a graph of others. */
export interface FunctionProto extends Message {
  readonly name?: string;
  readonly input?: readonly string[];
  readonly output?: readonly string[];
  readonly attribute?: readonly string[];
  readonly node?: readonly NodeProto[];
  readonly docString?: string;
  readonly opsetImport?: readonly OperatorSetIdProto[];
  readonly domain?: string;
  readonly attributeProto?: readonly AttributeProto[];
  readonly valueInfo?: readonly ValueInfoProto[];
  readonly overload?: string;
  readonly metadataProps?: readonly StringStringEntryProto[];
}
