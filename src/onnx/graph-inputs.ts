import { check, InputError } from "../errors.ts";
import { input, type Value } from "../graph/index.ts";
import { dtypeOfDataType } from "./data-type.ts";
import { checkExtent, quote } from "./imported-node.ts";
import type { ModelProto, ValueInfoProto } from "./proto.ts";
import { tensorTypeFromProto } from "./type-proto.ts";

/** The inputs of a model that are not stored in it. */
export function modelInputs({ graph = {} }: ModelProto): ValueInfoProto[] {
  const stored = [...(graph.initializer ?? []), ...(graph.sparseInitializer ?? []).map(({ values }) => values)];
  const names = new Set(stored.map((proto) => proto?.name ?? ""));
  return (graph.input ?? []).filter(({ name = "" }) => !names.has(name));
}

/** The dimensions without a fixed size, each once; whether it is the first of an input, which is that of the batch. */
export function dynamicDimensions(infos: readonly ValueInfoProto[]): { name: string; isBatch: boolean }[] {
  const found = new Map<string, boolean>();
  for (const { name = "", type } of infos) {
    const axes = (type && tensorTypeFromProto(type)?.shape) ?? [];
    for (const [i, axis] of axes.entries()) {
      if (typeof axis === "number") continue;
      const dimension = dimensionName(name, axis, i);
      found.set(dimension, found.get(dimension) || i === 0);
    }
  }
  return [...found].map(([name, isBatch]) => ({ name, isBatch }));
}

/** The inputs of a graph; axes without a fixed size take theirs from `dimensions`. */
export function importInputs(
  infos: readonly ValueInfoProto[],
  dimensions: Readonly<Record<string, number>>,
  where: string,
): Value<"Input">[] {
  const inputs = infos.map((info) => openInput(info, where));
  const missing = dynamicDimensions(infos).flatMap(({ name }) => (Object.hasOwn(dimensions, name) ? [] : [name]));
  check(missing.length === 0, () => ({
    code: "unbound-dimensions",
    where,
    message: `expected a size for each dynamic dimension, got none for ${missing.slice(0, 8).map(quote).join(", ")}`,
    remedy: `pass dimensions such as { ${quote(missing[0] as string)}: 1 }`,
  }));
  return inputs.map(({ name, dtype, axes }) => {
    const shape = axes.map((axis, i) => (typeof axis === "number" ? axis : dimensions[dimensionName(name, axis, i)]));
    checkExtent(shape as number[], `${where}, input ${quote(name)}`);
    return input(name, dtype, shape as number[]);
  });
}

function openInput({ name = "", type }: ValueInfoProto, where: string) {
  const place = `${where}, input ${quote(name)}`;
  const tensorType = type && tensorTypeFromProto(type);
  if (!tensorType?.shape) {
    const message = "expected a tensor with a known number of axes, got another type";
    throw new InputError({ code: "unsupported-onnx", where: place, message, remedy: "export the model with shapes" });
  }
  return { name, dtype: dtypeOfDataType(tensorType.dataType, place), axes: tensorType.shape };
}

/** What an axis without a fixed size is called; one without a name is called by its place. */
function dimensionName(input: string, axis: string | null, index: number): string {
  return axis ?? `${input}[${index}]`;
}
