import type { DimensionProto, TypeProto } from "./proto.ts";

/** What is known of an axis: its size, the name of its size, or nothing. */
export type Dimension = number | string | null;

/** A dense tensor's ONNX data type and, where its rank is known, its axes. */
export interface TensorType {
  readonly dataType: number;
  readonly shape: readonly Dimension[] | undefined;
}

/** The tensor type that a message holds; undefined for sequences, maps and the like. */
export function tensorTypeFromProto({ tensorType }: TypeProto): TensorType | undefined {
  if (!tensorType) return undefined;
  const { elemType = 0, shape } = tensorType;
  return { dataType: elemType, shape: shape && (shape.dim ?? []).map((dim) => dim.dimValue ?? dim.dimParam ?? null) };
}

/** The message for a tensor type. */
export function tensorTypeToProto({ dataType, shape }: TensorType): TypeProto {
  return { tensorType: { elemType: dataType, ...(shape && { shape: { dim: shape.map(dimensionProto) } }) } };
}

function dimensionProto(dimension: Dimension): DimensionProto {
  if (dimension === null) return {};
  return typeof dimension === "number" ? { dimValue: dimension } : { dimParam: dimension };
}
