import {
  type Elementary,
  expandDefinitions,
  inputsOf,
  refuseOpaque,
  topologicalOrder,
  type Value,
} from "../../graph/index.ts";
import { convert, isFloat, type Tensor, tensor, toNumbers } from "../../tensor/index.ts";
import type { Engine, Program, Tensors } from "../engine.ts";
import { checkFeeds, checkTensor } from "../feeds.ts";
import { loopOver } from "../loop.ts";
import { sideBySide } from "../side-by-side.ts";
import { arrange } from "./arrange.ts";
import { elementwise } from "./elementwise.ts";
import type { Elements, Kernel } from "./kernels.ts";
import { linear } from "./linear.ts";
import { reduce } from "./reduce.ts";
import { window } from "./window.ts";

const kernels: { readonly [O in Exclude<Elementary, "Input">]: Kernel<O> } = {
  Constant: (value) => toNumbers(value.attributes.value),
  Opaque: refuseOpaque,
  ...elementwise,
  ...reduce,
  ...arrange,
  ...linear,
  ...window,
};

/**
 * The oracle: plain loops in float64, whatever floating-point type the graph asks for. Floating-point outputs are
 * float64, unless `into` asks for another type.
 */
export function referenceEngine(): Engine {
  return {
    name: "reference",
    compile: async (outputs) => compile(outputs),
    compileLoop: async (outputs, stepped, members) => {
      const all = sideBySide(outputs, members);
      return loopOver(compile(all), all, stepped);
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function compile(outputs: Readonly<Record<string, Value>>): Program {
  const names = Object.keys(outputs);
  const values = expandDefinitions(Object.values(outputs));
  const order = topologicalOrder(values);
  const inputs = inputsOf(values);
  return {
    run: async (feeds, into = {}) => {
      checkFeeds(inputs, feeds);
      const elements = evaluate(order, feeds);
      const results = values.map((value, i) =>
        result(value, elements.get(value) as Elements, into[names[i] as string]),
      );
      return Object.fromEntries(names.map((name, i) => [name, results[i] as Tensor]));
    },
    [Symbol.asyncDispose]: async () => {},
  };
}

function evaluate(order: readonly Value[], feeds: Tensors): Map<Value, Elements> {
  const elements = new Map<Value, Elements>();
  for (const value of order) {
    const operands = value.operands.map((operand) => elements.get(operand) as Elements);
    elements.set(value, evaluateOne(value, operands, feeds));
  }
  return elements;
}

function evaluateOne(value: Value, operands: readonly Elements[], feeds: Tensors): Elements {
  if (value.op === "Input") return toNumbers(feeds[(value as Value<"Input">).attributes.name] as Tensor);
  const kernel = kernels[value.op as Exclude<Elementary, "Input">] as Kernel<Elementary>;
  return kernel(value as Value<Elementary>, operands);
}

function result(value: Value, elements: Elements, into: Tensor | undefined): Tensor {
  const computed = tensor("float64", value.shape, elements);
  if (!into) return convert(computed, isFloat(value.dtype) ? "float64" : value.dtype);
  checkTensor("output", { dtype: into.dtype, shape: value.shape }, into);
  (into.data as Elements).set(convert(computed, into.dtype).data as Elements);
  return into;
}
