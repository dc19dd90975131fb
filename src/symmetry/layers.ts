import { topologicalOrder, type Value } from "../graph/index.ts";

/** A value that depends on the network's input and reads parameters, named after these; or an output. */
export interface Layer {
  readonly name: string;
  readonly value: Value;
  /** Most layers on a way from the input to this one, which counts. */
  readonly depth: number;
}

/** The layers of a graph, each after those that it depends on. */
export function layersOf(outputs: readonly Value[], parameters: ReadonlySet<string>): Layer[] {
  // The parameters behind a value that depends on nothing else.
  const sources = new Map<Value, readonly string[]>();
  const depths = new Map<Value, number>();
  const layers: Layer[] = [];
  for (const value of topologicalOrder(outputs)) {
    const read = parametersRead(value, sources, parameters);
    const before = Math.max(0, ...value.operands.map((operand) => depths.get(operand) ?? 0));
    const isActivation = value.operands.some((operand) => !sources.has(operand)) || (read.length === 0 && isGiven(value));
    if (!isActivation) sources.set(value, read);
    const isLayer = outputs.includes(value) || (isActivation && read.length > 0);
    depths.set(value, before + (isLayer ? 1 : 0));
    if (isLayer) layers.push({ name: read.join(", ") || "output", value, depth: before + 1 });
  }
  return layers;
}

function isGiven({ op }: Value): boolean {
  return op === "Input";
}

function parametersRead(
  value: Value,
  sources: ReadonlyMap<Value, readonly string[]>,
  parameters: ReadonlySet<string>,
): readonly string[] {
  if (value.op !== "Input") return [...new Set(value.operands.flatMap((operand) => sources.get(operand) ?? []))];
  const { name } = (value as Value<"Input">).attributes;
  return parameters.has(name) ? [name] : [];
}
