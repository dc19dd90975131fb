import { check } from "../../errors.ts";
import { expandDefinitions, input, type Operator, topologicalOrder, type Value } from "../../graph/index.ts";
import type { Network } from "../../nets/index.ts";
import { isFloat } from "../../tensor/index.ts";
import type { ParameterLayout } from "../../train/index.ts";

/** Operators that have a kink: their second derivative is 0 on either side of it. */
const kinked: ReadonlySet<Operator> = new Set([
  "Relu",
  "LeakyRelu",
  "Abs",
  "Max",
  "Min",
  "ReduceMax",
  "ReduceMin",
  "MaxPool",
  "Where",
]);

/** Operators of a network that have a kink, without repetition; the Hessian exists but where a unit is exactly on one. */
export function kinksIn(network: Network, layout: ParameterLayout): readonly string[] {
  const values = varyingValues(network, layout);
  const found = [...values].filter(
    (value) => kinked.has(value.op) && (value.op !== "Where" || values.has(value.operands[0] as Value)),
  );
  return [...new Set(found.map(({ op }) => op))];
}

/** Throws for a network with steps: where a function jumps, it has no derivative that would say how. */
export function checkDifferentiable(network: Network, layout: ParameterLayout): void {
  const values = varyingValues(network, layout);
  const step = [...values].find((value) => isStep(value));
  check(!step, () => ({
    code: "not-differentiable",
    where: network.description.net,
    message: `expected a network that can be differentiated twice, got one with ${describeStep(step as Value)}`,
    remedy: "its loss has no Hessian; take a smooth activation",
  }));
}

/** Throws for a network whose second derivatives are zero but for jumps. */
export function checkSmooth(
  network: Network,
  layout: ParameterLayout,
  { where, remedy }: { readonly where: string; readonly remedy: string },
): void {
  checkDifferentiable(network, layout);
  const kinks = kinksIn(network, layout);
  check(kinks.length === 0, () => ({
    code: "not-smooth",
    where,
    message: `expected a network with second derivatives, got one with ${kinks.join(" and ")}`,
    remedy,
  }));
}

function isStep({ op, dtype, operands }: Value): boolean {
  if (op === "Sign" || op === "Surrogate") return true;
  return op === "Cast" && isFloat(dtype) && !isFloat((operands[0] as Value).dtype);
}

function describeStep({ op }: Value): string {
  if (op === "Surrogate") return "a derivative that is not its own (straight-through)";
  return op === "Sign" ? "signs" : "values that are rounded or compared";
}

/** All values of one forward pass that vary with the parameters of the layout. */
function varyingValues({ parameters, inputShape, inputKind, apply }: Network, { entries }: ParameterLayout) {
  const x = input("data", inputKind === "real" ? "float32" : "int64", [1, ...inputShape]);
  const values = Object.fromEntries(parameters.map(({ name, shape }) => [name, input(name, "float32", shape)]));
  const varying = new Set<Value>(entries.map(({ name }) => values[name] as Value));
  for (const value of topologicalOrder(expandDefinitions([apply(x, values).output]))) {
    if (value.operands.some((operand) => varying.has(operand))) varying.add(value);
  }
  return varying;
}
