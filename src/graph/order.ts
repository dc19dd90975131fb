import type { Value } from "./value.ts";

/** All values that `outputs` depend on, operands before the values that use them; looks no further than `leaves`. */
export function topologicalOrder(outputs: readonly Value[], leaves: ReadonlySet<Value> = new Set()): Value[] {
  const order: Value[] = [];
  const seen = new Set<Value>();
  // An explicit stack, because graphs of gradients are deeper than the call stack.
  const stack: { value: Value; next: number }[] = [];
  const visit = (value: Value) => {
    if (seen.has(value)) return;
    seen.add(value);
    stack.push({ value, next: 0 });
  };
  for (const output of outputs) {
    visit(output);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const operand = leaves.has(top.value) ? undefined : top.value.operands[top.next++];
      if (operand) visit(operand);
      else order.push((stack.pop() as { value: Value }).value);
    }
  }
  return order;
}

/** Rebuilds a graph bottom-up: `build` makes the new form of each value from the new forms of its operands. */
export function rewrite(
  outputs: readonly Value[],
  build: (value: Value, operands: readonly Value[]) => Value,
): Value[] {
  const made = new Map<Value, Value>();
  for (const value of topologicalOrder(outputs)) {
    made.set(
      value,
      build(
        value,
        value.operands.map((operand) => made.get(operand) as Value),
      ),
    );
  }
  return outputs.map((output) => made.get(output) as Value);
}

/** Every input that `outputs` depend on. */
export function inputsOf(outputs: readonly Value[]): Value<"Input">[] {
  return topologicalOrder(outputs).filter((value) => value.op === "Input") as Value<"Input">[];
}

/** The graph with each key of `replacements` replaced by its value, wherever it is used. */
export function substitute(outputs: readonly Value[], replacements: ReadonlyMap<Value, Value>): Value[] {
  return rewrite(outputs, (value, operands) => replacements.get(value) ?? withOperands(value, operands));
}

/** The same operator on other operands; the value itself when they are the same. */
export function withOperands(value: Value, operands: readonly Value[]): Value {
  if (operands.every((operand, i) => operand === value.operands[i])) return value;
  return value.on(operands);
}
