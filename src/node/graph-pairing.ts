import { check, InputError } from "../errors.ts";
import { compare, mismatch, type Pairing, type StoredTensors } from "../nets/index.ts";
import { linearWeights } from "../onnx/index.ts";
import type { Layout } from "../symmetry/index.ts";
import { type Shape, sameShape, type Tensor } from "../tensor/index.ts";
import type { GraphFile } from "./graph-file.ts";

/** Which tensor of a checkpoint is which weight of a graph. */
export interface GraphPairing extends Pairing {
  /** Weights that the checkpoint holds transposed, by their names in the graph. */
  readonly transposed: ReadonlySet<string>;
  /** What was matched by other means than its name, in words. */
  readonly assumptions: readonly string[];
}

interface Wanted {
  readonly name: string;
  readonly shape: Shape;
}

/**
 * Finds the weights of a graph in a checkpoint: by their names, and those that exporters transpose and rename by the
 * layers that they stand in, or as the only ones of their shape.
 *
 * @param where the checkpoint's name, for error messages
 */
export function pairWithGraph(graph: GraphFile, entries: StoredTensors, where: string): GraphPairing {
  const { layouts } = graph.discovery.group;
  const own = graph.weights.map((name) => ({ name, shape: (layouts[name] as Layout).shape }));
  const layers = linearWeights(graph.bytes, graph.path);
  const missing = new Set(compare(wanting(graph, own), entries).missing);
  const renamed = own.map((each) => inLayer(each, missing.has(each.name) ? layers.get(each.name) : null));
  const byLayer = withoutDoubles(own, renamed, compare(wanting(graph, renamed), entries).names);
  const wanted = withSoleShapes(own, byLayer, { graph, entries, layers });
  const found = compare(wanting(graph, wanted), entries);
  if (found.missing.length > 0 || found.misshapen.length > 0) throw notOfGraph(graph, wanted, entries, where);
  const names = new Map(own.map(({ name }, i) => [name, found.names.get((wanted[i] as Wanted).name) as string]));
  for (const [name, stored] of fixedIn(graph, entries)) names.set(name, stored);
  const transposed = new Set(own.flatMap((each, i) => (each === wanted[i] ? [] : [each.name])));
  const used = new Set(names.values());
  const extra = found.extra.filter((name) => !used.has(name));
  checkUnfolded(extra, used, where);
  return { names, extra, transposed, assumptions: inWords(names, transposed) };
}

/** The numbers that symmetries leave alone, as far as the checkpoint has them. */
function fixedIn(graph: GraphFile, entries: StoredTensors): ReadonlyMap<string, string> {
  const specs = graph.fixed.map((name) => ({ name, shape: (graph.initializers[name] as Tensor).shape }));
  const { names, misshapen } = compare(wanting(graph, specs), entries);
  const others = new Set(misshapen.map(({ name }) => name));
  return new Map([...names].filter(([, stored]) => !others.has(stored)));
}

function wanting({ path }: GraphFile, parameters: readonly Wanted[]) {
  return { description: { net: path }, parameters };
}

function inLayer(weight: Wanted, name: string | null | undefined): Wanted {
  return name ? { name, shape: weight.shape.toReversed() } : weight;
}

/** Undoes what gives a tensor of the checkpoint to two weights, or to none. */
function withoutDoubles(
  own: readonly Wanted[],
  renamed: readonly Wanted[],
  names: ReadonlyMap<string, string>,
): Wanted[] {
  const stored = renamed.map(({ name }) => names.get(name));
  return renamed.map((each, i) => {
    const isSole = stored[i] !== undefined && stored.indexOf(stored[i]) === stored.lastIndexOf(stored[i]);
    return isSole ? each : (own[i] as Wanted);
  });
}

interface Search {
  readonly graph: GraphFile;
  readonly entries: StoredTensors;
  readonly layers: ReadonlyMap<string, string | null>;
}

/** Gives a linear layer's weight the unused tensor of its shape transposed, where there is one of each. */
function withSoleShapes(own: readonly Wanted[], wanted: readonly Wanted[], { graph, entries, layers }: Search) {
  const { missing, extra } = compare(wanting(graph, wanted), entries);
  const open = new Set(missing);
  const alike = (shape: Shape) => own.filter((each) => open.has(each.name) && sameShape(each.shape, shape));
  return wanted.map((each) => {
    if (!open.has(each.name) || !layers.has(each.name) || alike(each.shape).length > 1) return each;
    const turned = each.shape.toReversed();
    const [sole, ...others] = extra.filter((name) => sameShape(entries.get(name)?.shape ?? [], turned));
    return sole !== undefined && others.length === 0 ? { name: sole, shape: turned } : each;
  });
}

function notOfGraph(graph: GraphFile, wanted: readonly Wanted[], entries: StoredTensors, where: string): InputError {
  const { code, detail } = mismatch(wanting(graph, wanted), compare(wanting(graph, wanted), entries), where);
  return new InputError({ code, where, message: detail, remedy: unfolded });
}

/** Throws for statistics that the graph has folded into a weight, which then is not the one of this name. */
function checkUnfolded(extra: readonly string[], used: ReadonlySet<string>, where: string): void {
  const isCopy = (name: string) => [...used].some((each) => name.endsWith(`.${each}`));
  const folded = extra.find((name) => /(?:^|[._])running_(?:mean|var)$/.test(name) && !isCopy(name));
  check(folded === undefined, () => ({
    code: "folded-graph",
    where: `${where}, tensor ${JSON.stringify(folded)}`,
    message: "expected a graph that uses it, got one with batch norm folded into other weights",
    remedy: unfolded,
  }));
}

const unfolded = "export the graph with training=TrainingMode.PRESERVE, or by dynamo with optimize=False";

function inWords(names: ReadonlyMap<string, string>, transposed: ReadonlySet<string>): string[] {
  return [...transposed].map((name) => `the graph's ${name} is ${names.get(name)} transposed`);
}
