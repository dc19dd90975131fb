export { withBatchSize, withBatchSizeInShapes } from "./batch-size.ts";
export { dataTypes, dtypeOfDataType } from "./data-type.ts";
export { type DecodeOptions, type ImportedGraph, modelToGraph } from "./decode.ts";
export { type EncodeOptions, graphToModel, opset } from "./encode.ts";
export { loopNames, loopToModel } from "./encode-loop.ts";
export { differentiableInputs, type ImportedModel, importModel } from "./import-model.ts";
export { linearWeights } from "./linear-weights.ts";
export { type LowerOptions, lower } from "./lower.ts";
export { type PatchedFile, type PatchedModel, type PatchOptions, patchInitializers } from "./patch.ts";
export type {
  AttributeProto,
  DimensionProto,
  FunctionProto,
  GraphProto,
  Int64,
  Message,
  ModelProto,
  NodeProto,
  OperatorSetIdProto,
  SegmentProto,
  SparseTensorProto,
  StringStringEntryProto,
  TensorProto,
  TensorShapeProto,
  TensorTypeProto,
  Text,
  TypeProto,
  UnknownFields,
  ValueInfoProto,
} from "./proto.ts";
export { attributeTypes } from "./proto.ts";
export { type ExternalLoader, tensorFromProto, tensorToProto } from "./tensor-proto.ts";
export { type Dimension, type TensorType, tensorTypeFromProto, tensorTypeToProto } from "./type-proto.ts";
export { decodeModel } from "./wire-reader.ts";
export { encodeModel } from "./wire-writer.ts";
