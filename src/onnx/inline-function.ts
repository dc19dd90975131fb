import type { AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto } from "./proto.ts";

/** The functions of a model by the key of the nodes that call them. */
export type Functions = ReadonlyMap<string, FunctionProto>;

/** The operators that a model defines itself, as graphs of others. */
export function functionsOf({ functions = [] }: ModelProto): Functions {
  return new Map(functions.map((each) => [keyOf(each.domain, each.name, each.overload), each]));
}

/** The function that a node calls; undefined where its operator is not one of the model's own. */
export function calledFunction({ domain, opType, overload }: NodeProto, functions: Functions) {
  return functions.get(keyOf(domain, opType, overload));
}

function keyOf(domain = "", name = "", overload = ""): string {
  return JSON.stringify([domain, name, overload]);
}

/** The body of a function as a graph, for the inputs and attributes that a node calls it with. */
export function bodyOf({ input = [], output = [], node = [], attributeProto = [] }: FunctionProto, call: NodeProto) {
  const missing = new Set(input.filter((_, i) => !call.input?.[i]));
  const attributes = new Map([...attributeProto, ...(call.attribute ?? [])].map((each) => [each.name ?? "", each]));
  const body: GraphProto = {
    node: node.map((each) => bound(each, missing, attributes)),
    output: output.map((name) => ({ name })),
  };
  return body;
}

/** A node of a function, its optional inputs and the attributes that refer to those of the call settled. */
function bound(
  node: NodeProto,
  missing: ReadonlySet<string>,
  attributes: ReadonlyMap<string, AttributeProto>,
): NodeProto {
  const { input = [], attribute = [] } = node;
  const settled = attribute.flatMap((each) => {
    const { name = "", refAttrName } = each;
    if (!refAttrName) return [each];
    const given = attributes.get(refAttrName);
    return given ? [{ ...given, name }] : [];
  });
  return { ...node, input: input.map((name) => (missing.has(name) ? "" : name)), attribute: settled };
}
