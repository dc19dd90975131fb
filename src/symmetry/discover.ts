import { topologicalOrder, type Value } from "../graph/index.ts";
import type { Network } from "../nets/index.ts";
import { assembleGroup } from "./assemble.ts";
import { readAxes } from "./axis-rules.ts";
import { canonicalGraph } from "./canonical-graph.ts";
import { solveExponents } from "./exponents.ts";
import type { Layout, SymmetryGroup } from "./group.ts";
import { type Leaves, leavesOf } from "./leaves.ts";
import { matrixGroups } from "./matrix-groups.ts";
import { networkOutput } from "./network-graph.ts";
import { newTrace, pinAxis, result, startStep, type Trace } from "./trace.ts";

/** A graph as the discovery read it, from which it can explain what it found. */
export interface Discovery {
  readonly group: SymmetryGroup;
  readonly leaves: Leaves;
  readonly parameters: ReadonlyMap<string, Value<"Input">>;
  readonly outputs: readonly Value[];
  /** How any value of the graph is indexed: under an element of the group it moves as a parameter of that layout does. */
  readonly layoutOf: (value: Value) => Layout;
}

/** The symmetry group of a network's parameters: what leaves its output unchanged, for every input. */
export function discoverSymmetry(network: Network): SymmetryGroup {
  return discoverNetwork(network).group;
}

/** The same, with what is needed to explain it. */
export function discoverNetwork(network: Network): Discovery {
  return discoverGraph(
    [networkOutput(network, { shape: [BATCH, ...network.inputShape], dtype: "float64" })],
    network.parameters.map(({ name }) => name),
  );
}

// An axis of size 1 could not be told from one that is broadcast.
const BATCH = 2;

/** The symmetry group of a graph under transformations of the inputs called `parameters`. */
export function discoverGraph(outputs: readonly Value[], parameters: readonly string[]): Discovery {
  const canonical = canonicalGraph(outputs);
  const names = new Set(parameters);
  const trace = readGraph(canonical, names);
  const leaves = leavesOf(trace);
  const owned = new Map<string, Value<"Input">>();
  for (const { value } of trace.steps) {
    if (isInput(value) && names.has(value.attributes.name)) owned.set(value.attributes.name, value);
  }
  const values = new Set<Value>(owned.values());
  const [scales, signs] = (["scale", "sign"] as const).map((kind) => solveExponents(leaves, kind, values, canonical));
  if (!scales || !signs) throw new Error("internal: two kinds of exponents");
  const matrices = matrixGroups(leaves, { scales, outputs: canonical });
  const { group, layoutOf } = assembleGroup({ leaves, parameters: owned, scales, signs, matrices });
  return { group, leaves, parameters: owned, outputs: canonical, layoutOf };
}

function isInput(value: Value): value is Value<"Input"> {
  return value.op === "Input";
}

function readGraph(outputs: readonly Value[], parameters: ReadonlySet<string>): Trace {
  const trace = newTrace();
  for (const value of topologicalOrder(outputs)) {
    const reading = startStep(trace, value);
    readAxes(reading);
    const isGiven = isInput(value) && !parameters.has(value.attributes.name);
    if (isGiven)
      value.shape.forEach((_, axis) => {
        pinAxis(reading, result(reading, axis), "an input of the network");
      });
    if (!outputs.includes(value)) continue;
    value.shape.forEach((_, axis) => {
      pinAxis(reading, result(reading, axis), "an output of the network");
    });
  }
  return trace;
}
