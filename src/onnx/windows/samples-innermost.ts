import {
  apply,
  arithmeticOperators,
  type ConvAttributes,
  comparisonOperators,
  expand,
  type Operator,
  rewrite,
  simplify,
  topologicalOrder,
  unaryOperators,
  type Value,
  withOperands,
} from "../../graph/index.ts";
import { convInputGrad } from "../lower-windows.ts";
import { convForm, convInputGradForm, convolutionOf, convWeightGradForm, hasInnermostForm } from "./conv-forms.ts";
import { type Form, placementOf } from "./placement.ts";
import { elementwise, flattening, reduction } from "./plain-forms.ts";
import { poolFirst } from "./pool-first.ts";
import { maxPoolForm, maxPoolGatherForm, maxPoolGradForm } from "./pool-forms.ts";
import { planWinograd } from "./winograd.ts";

/**
 * The graph with its convolutions, and all between them, on tensors whose samples are innermost: windows then move as runs
 * of N elements, and every product has the samples in its columns. Values are kept in the order in which they were
 * computed and put back only for an operator that has no such form.
 */
export function samplesInnermost(outputs: readonly Value[]): Value[] {
  if (!topologicalOrder(outputs).some(hasInnermostForm)) return [...outputs];
  const prepared = simplify(poolFirst(rewrite(outputs, (value, operands) => prepare(withOperands(value, operands)))));
  const placement = placementOf(prepared);
  for (const value of topologicalOrder(prepared)) {
    const form = forms[value.op] as Form<Operator> | undefined;
    const computed = form?.(value, placement) ?? withOperands(value, value.operands.map(placement.natural));
    placement.keep(value, computed);
  }
  return simplify(prepared.map(placement.natural));
}

/** Biases apart from their convolutions, input gradients that are plain convolutions as such, norms as arithmetic. */
function prepare(value: Value): Value {
  if (value.op === "BatchNormalization" && value.dtype === "float32") return expand(value);
  if (!hasInnermostForm(value)) return value;
  if (value.op === "ConvInputGrad") return planWinograd(convolutionOf(value)) ? value : convInputGrad(value);
  const [x, w, bias] = value.operands as readonly [Value, Value, Value?];
  if (value.op === "ConvWeightGrad" || !bias) return value;
  const attributes: ConvAttributes = value.attributes;
  return apply("Conv", [x, w], attributes).add(bias.reshape([-1, 1, 1]));
}

function each<O extends Operator>(
  operators: readonly O[],
  form: Form<Operator>,
): { readonly [P in O]: Form<Operator> } {
  return Object.fromEntries(operators.map((op) => [op, form])) as { [P in O]: Form<Operator> };
}

const forms: { readonly [O in Operator]?: Form<O> } = {
  ...each([...unaryOperators, ...arithmeticOperators, ...comparisonOperators], elementwise),
  ...each(["Not", "And", "Or", "Where", "Cast"], elementwise),
  ...each(["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"], reduction as Form<Operator>),
  Reshape: flattening,
  Conv: convForm,
  ConvInputGrad: convInputGradForm,
  ConvWeightGrad: convWeightGradForm,
  MaxPool: maxPoolForm,
  MaxPoolGrad: maxPoolGradForm,
  MaxPoolGather: maxPoolGatherForm,
};
