import { fill, type Value } from "../../src/graph/index.ts";
import { linear, type Scope } from "../../src/nets/index.ts";
import { type Architecture, adHoc } from "./architecture.ts";

const steps = 3;
const inputs = 4;
const width = 5;
const drawn = { kind: "glorot", distribution: "uniform" } as const;
const zero = { kind: "constant", value: 0 } as const;

/** Recurrent cells over a few steps, in elementary operators, with PyTorch's equations. */
export const recurrentArchitectures: readonly Architecture[] = [
  adHoc("lstm-stacked", [steps, inputs], 3, (x, scope) => lastState(x, scope, lstm(stacked))),
  adHoc("lstm-separate", [steps, inputs], 3, (x, scope) => lastState(x, scope, lstm(separate))),
  adHoc("gru-stacked", [steps, inputs], 3, (x, scope) => lastState(x, scope, gru(stacked))),
  adHoc("gru-separate", [steps, inputs], 3, (x, scope) => lastState(x, scope, gru(separate))),
];

/** One step: from the input and the state, of which the first tensor is the output, to the next state. */
type Step = (x: Value, state: readonly Value[]) => readonly Value[];
/** Takes the weights of a cell from a scope, and says how many tensors its state has. */
type Cell = (scope: Scope) => { readonly step: Step; readonly states: number };

function lastState(sequence: Value, scope: Scope, cell: Cell): Value {
  const batch = sequence.shape[0] as number;
  const { step, states } = cell(scope.within("cell"));
  let state: readonly Value[] = Array.from({ length: states }, () => fill(0, sequence.dtype, [batch, width]));
  for (let t = 0; t < steps; t++) state = step(sequence.slice(1, t, t + 1).reshape([batch, inputs]), state);
  return linear(scope.within("fc"), state[0] as Value, { outputs: 3 });
}

interface GateOptions {
  /** Named in the weights: "ih" for the input, "hh" for the state. */
  readonly source: string;
  readonly columns: number;
  readonly count: number;
}

/** `W x + b` for each gate. */
type Gates = (scope: Scope, options: GateOptions) => (x: Value) => Value[];

/** All gates in one matrix [gates width, columns], as PyTorch stores them. */
function stacked(scope: Scope, { source, columns, count }: GateOptions) {
  const weight = scope.weight(`weight_${source}`, [count * width, columns], drawn);
  const bias = scope.weight(`bias_${source}`, [count * width], zero);
  return (x: Value) => {
    const joint = x.matmul(weight.transpose()).add(bias);
    return Array.from({ length: count }, (_, gate) => joint.slice(1, gate * width, (gate + 1) * width));
  };
}

/** A matrix [width, columns] for each gate. */
function separate(scope: Scope, { source, columns, count }: GateOptions) {
  const gates = Array.from({ length: count }, (_, gate) => ({
    weight: scope.weight(`gate${gate}.weight_${source}`, [width, columns], drawn),
    bias: scope.weight(`gate${gate}.bias_${source}`, [width], zero),
  }));
  return (x: Value) => gates.map(({ weight, bias }) => x.matmul(weight.transpose()).add(bias));
}

/** Long short-term memory: gates input, forget, cell, output; the state is (h, c). */
function lstm(gates: Gates): Cell {
  return (scope) => {
    const fromInput = gates(scope, { source: "ih", columns: inputs, count: 4 });
    const fromState = gates(scope, { source: "hh", columns: width, count: 4 });
    const step: Step = (x, [h, c]) => {
      const recurrent = fromState(h as Value);
      const sums = fromInput(x).map((sum, gate) => sum.add(recurrent[gate] as Value)) as [Value, Value, Value, Value];
      const [i, f, g, o] = sums;
      const next = f
        .sigmoid()
        .mul(c as Value)
        .add(i.sigmoid().mul(g.tanh()));
      return [o.sigmoid().mul(next.tanh()), next];
    };
    return { step, states: 2 };
  };
}

/** Gated recurrent unit: gates reset, update, new; the state is h. */
function gru(gates: Gates): Cell {
  return (scope) => {
    const fromInput = gates(scope, { source: "ih", columns: inputs, count: 3 });
    const fromState = gates(scope, { source: "hh", columns: width, count: 3 });
    const step: Step = (x, [h]) => {
      const [ri, zi, ni] = fromInput(x) as [Value, Value, Value];
      const [rh, zh, nh] = fromState(h as Value) as [Value, Value, Value];
      const z = zi.add(zh).sigmoid();
      const n = ni.add(ri.add(rh).sigmoid().mul(nh)).tanh();
      return [n.add(z.mul((h as Value).sub(n)))];
    };
    return { step, states: 1 };
  };
}
