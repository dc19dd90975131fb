import { apply, type Value } from "../graph/index.ts";
import { checkShape, type DType } from "../tensor/index.ts";
import { dtypeOfDataType } from "./data-type.ts";
import type { Scope } from "./import-node.ts";
import { readsOf } from "./node-order.ts";
import type { NodeProto } from "./proto.ts";
import { tensorTypeFromProto } from "./type-proto.ts";

/** One output of a node that cannot be computed, as a function of all that the node reads. */
export function opaque(
  proto: NodeProto,
  output: string,
  { scope, reason }: { readonly scope: Scope; readonly reason: string },
): Value<"Opaque"> {
  const { opType: name = "", domain = "", name: node = "" } = proto;
  const operands = readsOf(proto).flatMap((read) => scope.values.get(read) ?? []);
  const attributes = { name, domain, node: node || (proto.output?.[0] ?? ""), output, reason };
  return apply("Opaque", operands, { ...attributes, ...(typeOf(output, scope) ?? unknownType) });
}

const unknownType = { dtype: "float32" as DType, shape: null };

/** Whether a value stands for a tensor about which the file does not say how large it is. */
export function hasUnknownShape(value: Value | undefined): boolean {
  return value?.op === "Opaque" && (value as Value<"Opaque">).attributes.shape === null;
}

/** What the file says about the type of a tensor; undefined unless it says all of it, in terms of known dimensions. */
function typeOf(name: string, { types, dimensions }: Scope): { dtype: DType; shape: number[] } | undefined {
  const proto = types.get(name);
  const { dataType = 0, shape: axes } = (proto && tensorTypeFromProto(proto)) ?? {};
  const shape = axes?.map((axis) => (typeof axis === "string" ? dimensions[axis] : axis));
  const isKnown = shape?.every((size): size is number => typeof size === "number");
  try {
    if (!isKnown) return undefined;
    checkShape(shape, name);
    return { dtype: dtypeOfDataType(dataType, name), shape };
  } catch {
    return undefined;
  }
}
