import { InputError } from "../errors.ts";
import { describeNode, quote } from "./imported-node.ts";
import type { GraphProto, NodeProto } from "./proto.ts";

/** What the outputs of a graph depend on. */
export interface NodeOrder {
  /** The nodes that the outputs depend on, each behind those whose outputs it reads. */
  readonly nodes: readonly NodeProto[];
  /** The names that they read and no node makes. */
  readonly given: ReadonlySet<string>;
}

/** Puts the nodes that `outputs` depend on in order; every name that no node makes must be one of `available`. */
export function orderNodes(
  nodes: readonly NodeProto[],
  outputs: readonly string[],
  available: ReadonlySet<string>,
  where: string,
): NodeOrder {
  const makers = makersOf(nodes, available, where);
  const order: NodeProto[] = [];
  const given = new Set<string>();
  const seen = new Map<NodeProto, "open" | "done">();
  // An explicit stack, because models may be deeper than the call stack.
  const stack: { node: NodeProto; reads: readonly string[]; next: number }[] = [];
  const visit = (name: string, reader?: NodeProto) => {
    const node = makers.get(name);
    if (!node) {
      if (!available.has(name)) throw undefinedName(name, reader, where);
      given.add(name);
    } else if (!seen.has(node)) {
      seen.set(node, "open");
      stack.push({ node, reads: readsOf(node), next: 0 });
    } else if (seen.get(node) === "open") throw cyclic(node, name, where);
  };
  for (const output of outputs) {
    visit(output);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const name = top.reads[top.next++];
      if (name) visit(name, top.node);
      else if (name === undefined) {
        seen.set(top.node, "done");
        order.push(top.node);
        stack.pop();
      }
    }
  }
  return { nodes: order, given };
}

/** The names that a node reads: its inputs, and what graphs in its attributes take from around them. */
export function readsOf({ input = [], attribute = [] }: NodeProto): readonly string[] {
  const inner = attribute.flatMap(({ g, graphs = [] }) => [...(g ? [g] : []), ...graphs]);
  return inner.length === 0 ? input : [...new Set([...input, ...inner.flatMap(capturesOf)])];
}

function capturesOf({ node = [], input = [], initializer = [], output = [] }: GraphProto): string[] {
  const own = new Set([...input, ...initializer].map(({ name }) => name));
  for (const { output: made = [] } of node) for (const name of made) own.add(name);
  const read = [...node.flatMap(readsOf), ...output.map(({ name = "" }) => name)];
  return read.filter((name) => name !== "" && !own.has(name));
}

/** The node that makes each tensor, by the tensor's name. */
function makersOf(
  nodes: readonly NodeProto[],
  available: ReadonlySet<string>,
  where: string,
): ReadonlyMap<string, NodeProto> {
  const makers = new Map<string, NodeProto>();
  for (const node of nodes) {
    for (const name of node.output ?? []) {
      if (name === "") continue;
      if (makers.has(name) || available.has(name)) throw repeated(node, name, where);
      makers.set(name, node);
    }
  }
  return makers;
}

const remedy = "the file is damaged: export it again";

function undefinedName(name: string, reader: NodeProto | undefined, where: string): InputError {
  const place = reader ? describeNode(reader) : "graph output";
  const message = `expected the name of a tensor, got ${quote(name)}, which nothing makes`;
  return new InputError({ code: "malformed-onnx", where: `${where}, ${place}`, message, remedy });
}

function repeated(node: NodeProto, name: string, where: string): InputError {
  const message = `expected a name of its own for each tensor, got ${quote(name)} twice`;
  return new InputError({ code: "malformed-onnx", where: `${where}, ${describeNode(node)}`, message, remedy });
}

function cyclic(node: NodeProto, name: string, where: string): InputError {
  const message = `expected a graph without cycles, got ${quote(name)} that depends on itself`;
  return new InputError({ code: "malformed-onnx", where: `${where}, ${describeNode(node)}`, message, remedy });
}
