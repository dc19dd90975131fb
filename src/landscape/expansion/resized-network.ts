import { check, InputError } from "../../errors.ts";
import { apply, input, rewrite, type Value, withOperands } from "../../graph/index.ts";
import { type Network, type NetworkDescription, networkFrom, type ParameterSpec } from "../../nets/index.ts";
import { elementCount, formatShape, type Shape, sameShape } from "../../tensor/index.ts";

/**
 * The same network with parameters of other shapes: the built-in one with other widths where there is one, otherwise the
 * same graph with all shapes inferred anew. Throws where they cannot be.
 */
export function resizedNetwork(network: Network, shapes: Readonly<Record<string, Shape>>): Network {
  const specs = network.parameters.map((spec) => ({ ...spec, shape: shapes[spec.name] ?? spec.shape }));
  if (specs.every(({ shape }, i) => sameShape(shape, (network.parameters[i] as ParameterSpec).shape))) return network;
  const described = describedNetwork(network, specs);
  if (described) return described;
  const resized: Network = {
    ...network,
    description: { net: "resized", of: network.description.net, outputs: network.outputs },
    parameters: specs,
    apply: (x, parameters, options) => {
      const { output, updates } = network.apply(x, placeholders(network, parameters), options);
      const names = Object.keys(updates);
      const [made, ...others] = inferred([output, ...Object.values(updates)], network, parameters);
      return { output: made as Value, updates: Object.fromEntries(names.map((name, i) => [name, others[i] as Value])) };
    },
  };
  checkOutput(network, resized);
  return resized;
}

/** The built-in network of the same options but the widths. */
function describedNetwork({ description }: Network, specs: readonly ParameterSpec[]): Network | null {
  if (description.net !== "mlp") return null;
  const [, ...inputs] = specs.filter(({ name }) => name.endsWith(".weight")).map(({ shape }) => shape[1] as number);
  const found = networkFrom({ ...description, widths: inputs } as NetworkDescription);
  const isSame = specs.every(({ shape }, i) => sameShape(shape, found.parameters[i]?.shape ?? []));
  return isSame ? found : null;
}

function placeholders({ parameters }: Network, given: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(
    parameters.map(({ name, shape }) => [name, input(placeholder(name), given[name]?.dtype ?? "float32", shape)]),
  );
}

function placeholder(name: string): string {
  return ` ${name}`;
}

/** The values with parameters in place of their placeholders, and the shapes that follow. */
function inferred(outputs: readonly Value[], network: Network, parameters: Readonly<Record<string, Value>>): Value[] {
  const own = new Map(network.parameters.map(({ name }) => [placeholder(name), parameters[name] as Value]));
  return rewrite(outputs, (value, operands) => {
    if (value.op === "Input") return own.get((value as Value<"Input">).attributes.name) ?? value;
    return reshaped(value, operands) ?? withOperands(value, operands);
  });
}

/** A value whose attributes hold a shape, with the one that its operands ask for. */
function reshaped(value: Value, operands: readonly Value[]): Value | null {
  const [from, to] = [value.operands[0], operands[0]];
  if (!from || !to || sameShape(from.shape, to.shape)) return null;
  switch (value.op) {
    case "Reshape":
      return apply("Reshape", operands, { shape: reshapedTo(from.shape, value.shape, to.shape) });
    case "Expand": {
      const offset = value.rank - from.rank;
      const shape = value.shape.map((size, axis) =>
        size === from.shape[axis - offset] ? (to.shape[axis - offset] as number) : size,
      );
      return apply("Expand", operands, { shape });
    }
    case "Slice": {
      const { starts, ends, steps } = (value as Value<"Slice">).attributes;
      const isWhole = (axis: number) => value.shape[axis] === from.shape[axis];
      return apply("Slice", operands, {
        starts,
        ends: ends.map((end, axis) => (isWhole(axis) ? (to.shape[axis] as number) : end)),
        steps,
      });
    }
    default:
      return null;
  }
}

/** What becomes of a reshape where axes of the operand change their sizes. */
function reshapedTo(from: Shape, shape: Shape, to: Shape): Shape {
  const made = [...shape];
  let [i, j] = [0, 0];
  while (i < from.length && j < shape.length) {
    const [first, start] = [i, j];
    let [a, b] = [from[i++] as number, shape[j++] as number];
    while (a !== b) {
      if (a < b) a *= from[i++] ?? Number.NaN;
      else b *= shape[j++] ?? Number.NaN;
      if (Number.isNaN(a + b)) throw unknownShape(from, shape);
    }
    const changed = elementCount(to.slice(first, i)) / elementCount(from.slice(first, i));
    if (changed === 1) continue;
    const sized = [...shape.keys()].slice(start, j).filter((axis) => shape[axis] !== 1);
    const old = [...from.keys()].slice(first, i).filter((axis) => to[axis] !== from[axis]);
    const target = sized.length === 1 ? sized : sized.filter((axis) => shape[axis] === from[old[0] as number]);
    if (target.length !== 1 || old.length !== 1) throw unknownShape(from, shape);
    made[target[0] as number] = (shape[target[0] as number] as number) * changed;
  }
  return made;
}

function unknownShape(from: Shape, to: Shape): InputError {
  return new InputError({
    code: "fixed-shape",
    where: "Reshape",
    message: `expected a graph for layers of any width, got one that reshapes ${formatShape(from)} to ${formatShape(to)}`,
    remedy: "choose another layer",
  });
}

function checkOutput(network: Network, resized: Network): void {
  const [before, after] = [network, resized].map(outputShape);
  check(sameShape(before as Shape, after as Shape), () => ({
    code: "fixed-shape",
    where: network.description.net,
    message: `expected outputs ${formatShape(before as Shape)} with other widths too, got ${formatShape(after as Shape)}`,
  }));
}

function outputShape({ inputShape, inputKind, parameters, apply: applied }: Network): Shape {
  const x = input(" x", inputKind === "tokens" ? "int64" : "float32", [2, ...inputShape]);
  return applied(x, Object.fromEntries(parameters.map(({ name, shape }) => [name, input(name, "float32", shape)])))
    .output.shape;
}
