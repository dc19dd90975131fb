import { topologicalOrder, type Value } from "../graph/index.ts";

/** A value that reads parameters and depends on the network's input, named after these parameters; or an output. */
export interface Layer {
  readonly name: string;
  readonly value: Value;
}

/** The layers of a graph, each after those that it depends on. */
export function layersOf(outputs: readonly Value[], parameters: ReadonlySet<string>): Layer[] {
  // By value that does not depend on the network's input: the parameters that it depends on.
  const sources = new Map<Value, readonly string[]>();
  const layers: Layer[] = [];
  for (const value of topologicalOrder(outputs)) {
    const read = [...new Set(value.operands.flatMap((operand) => sources.get(operand) ?? []))];
    const isActivation = value.op === "Input" || value.operands.some((operand) => !sources.has(operand));
    if (isParameter(value, parameters)) sources.set(value, [value.attributes.name]);
    else if (!isActivation) sources.set(value, read);
    const isLayer = outputs.includes(value) || (isActivation && read.length > 0);
    if (isLayer) layers.push({ name: read.join(", ") || "output", value });
  }
  return layers;
}

function isParameter(value: Value, parameters: ReadonlySet<string>): value is Value<"Input"> {
  return value.op === "Input" && parameters.has((value as Value<"Input">).attributes.name);
}
