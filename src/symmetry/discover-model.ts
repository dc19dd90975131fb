import { constant, rewrite, topologicalOrder, type Value, withOperands } from "../graph/index.ts";
import type { ImportedModel } from "../onnx/index.ts";
import { elementCount, type Tensor } from "../tensor/index.ts";
import { type Discovery, discoverGraph } from "./discover.ts";
import type { Layout, SymmetryGroup } from "./group.ts";

/**
 * The symmetries of an ONNX model. Its stored numbers are parameters, except those that no checkpoint would hold: single
 * numbers, and the frequencies and tables of position embeddings.
 */
export function discoverModel({ outputs, initializers, parameters }: ImportedModel): Discovery {
  const values = Object.values(outputs);
  const tables = positionTables(values);
  const isConstant = (name: string) =>
    tables.has(name) || elementCount((initializers[name] as Tensor).shape) === 1 || isTableName(name);
  const constants = new Set(parameters.filter(isConstant));
  const bound = rewrite(values, (value, operands) => {
    const name = value.op === "Input" ? (value as Value<"Input">).attributes.name : "";
    return constants.has(name) ? constant(initializers[name] as Tensor) : withOperands(value, operands);
  });
  const discovery = discoverGraph(
    bound,
    parameters.filter((name) => !constants.has(name)),
  );
  const single = parameters.filter((name) => elementCount((initializers[name] as Tensor).shape) === 1);
  return { ...discovery, group: withFixed(discovery.group, single, initializers) };
}

/** The group with parameters that it leaves as they are, so that a hash of its orbits sees them too. */
function withFixed(
  group: SymmetryGroup,
  names: readonly string[],
  tensors: Readonly<Record<string, Tensor>>,
): SymmetryGroup {
  const layouts = names.map((name): [string, Layout] => {
    const { shape } = tensors[name] as Tensor;
    return [name, { shape, axes: shape.map(() => []), offset: 0 }];
  });
  return { ...group, layouts: { ...group.layouts, ...Object.fromEntries(layouts) } };
}

function isTableName(name: string): boolean {
  return /(?:^|[._/])(?:inv_freq|cos_cached|sin_cached|freqs_cis|rotary_emb)(?:[._/]|$)/.test(name);
}

/** The inputs from which sines and cosines are computed that depend on no real number given at run time. */
function positionTables(outputs: readonly Value[]): ReadonlySet<string> {
  const names = new Set<string>();
  const waves = topologicalOrder(outputs).filter(({ op }) => op === "Sin" || op === "Cos");
  for (const value of topologicalOrder(waves)) {
    if (value.op === "Input") names.add((value as Value<"Input">).attributes.name);
  }
  const activates = waves.some((wave) => topologicalOrder([wave]).some(({ op }) => op === "Add" || op === "Conv"));
  return activates ? new Set() : names;
}
