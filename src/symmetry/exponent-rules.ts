import type { Operator, Value } from "../graph/index.ts";
import { elementCount, toNumbers } from "../tensor/index.ts";
import type { Component, Leaf, Leaves, RelatedStep, Relation } from "./leaves.ts";
import type { Combination, HomogeneousSystem } from "./linear-system.ts";
import { axisOf } from "./trace.ts";

const none: Combination = new Map();

/** The powers found so far, while a graph is read. */
export interface Flow {
  readonly leaves: Leaves;
  readonly kind: "scale" | "sign";
  readonly system: HomogeneousSystem;
  /** Values that may be said to scale by anything. */
  readonly zeros: ReadonlySet<Value>;
  readonly powers: Map<Leaf, Combination>;
}

function power({ system, powers }: Flow, leaf: Leaf): Combination {
  return system.resolve(powers.get(leaf) ?? none);
}

/** Says that nothing along these leaves can scale. */
export function requireNone(flow: Flow, leaves: readonly Leaf[]): void {
  for (const leaf of leaves) flow.system.require(power(flow, leaf));
}

/** The powers of an operator's result from those of its operands, and the equations that it imposes. */
export function follow(flow: Flow, { value, relation }: RelatedStep): void {
  requireNone(flow, relation.misfits);
  const rule = ruleOf(value);
  for (const component of relation.components) {
    const combined = isAmbiguous(component) ? null : rule(flow, component, value, relation);
    if (combined === null)
      requireNone(
        flow,
        component.operands.map(({ leaf }) => leaf),
      );
    for (const leaf of component.results) flow.powers.set(leaf, combined ?? none);
  }
}

/** Whether one operand has the index twice, as a matrix multiplied by itself. */
function isAmbiguous({ operands }: Component): boolean {
  return new Set(operands.map(({ place }) => place)).size < operands.length;
}

/** The power of a component's result, null where only unscaled operands are allowed. */
type Rule = (flow: Flow, component: Component, value: Value, relation: Relation) => Combination | null;

/** Result = sum of operands, each with its coefficient; a sum over the index needs the total to vanish. */
function multilinear(coefficients: readonly number[]): Rule {
  return (flow, { operands, results }) => {
    const terms = operands.map(({ place, leaf }) => [coefficients[place] ?? 0, power(flow, leaf)] as const);
    const total = flow.system.sum(terms);
    if (results.length === 0) flow.system.require(total);
    return total;
  };
}

/** All of `places` scale alike; one that lacks the index cannot scale, unless it is zero. */
function alike(places: (value: Value) => readonly number[]): Rule {
  return (flow, { operands, results }, value) => {
    const scaled = operands.filter(({ place }) => places(value).includes(place));
    const lacking = places(value).filter((place) => operands.every((operand) => operand.place !== place));
    const first = scaled[0];
    const common = first ? power(flow, first.leaf) : none;
    for (const { leaf } of scaled) flow.system.requireSame(common, power(flow, leaf));
    const isFixed = results.length === 0 || lacking.some((place) => !flow.zeros.has(value.operands[place] as Value));
    if (isFixed) flow.system.require(common);
    return flow.system.resolve(common);
  };
}

/** The result scales as the operand does. */
const structure: Rule = (flow, { operands, results }) => {
  const [first, ...others] = operands.map(({ leaf }) => power(flow, leaf));
  if (!first) return none;
  if (results.length === 0) flow.system.require(first);
  for (const other of others) flow.system.requireSame(first, other);
  return flow.system.resolve(first);
};

/** What is cut off may scale as it likes; where entries are skipped, those that are taken are among what scales. */
const cutting: Rule = (flow, component, value, relation) => {
  const { axes, trace } = flow.leaves;
  const { steps } = (value as Value<"Slice">).attributes;
  const operand = value.operands[0] as Value;
  const isSkipping = component.operands.some(({ leaf }) =>
    steps.some((step, axis) => step !== 1 && axisOf(trace, operand, axis) === axes[leaf]),
  );
  return component.results.length === 0 && !isSkipping ? none : structure(flow, component, value, relation);
};

/** Zeros scale by anything. */
const padding: Rule = (flow, component, ...rest) =>
  component.operands.length === 0 ? new Map([[flow.system.newGenerator(), 1]]) : structure(flow, component, ...rest);

/** Whether x exceeds 0 does not depend on its scale. */
const comparison: Rule = (flow, _component, { operands }) =>
  flow.kind === "scale" && operands.some((operand) => flow.zeros.has(operand)) ? none : null;

/** An elementwise function under which the operand's power is multiplied by `factor`; null where it must vanish. */
function pointwise(factor: number | null): Rule {
  return (flow, { operands: [operand] }) =>
    factor === null || !operand ? null : flow.system.sum([[factor, power(flow, operand.leaf)]]);
}

const blocked: Rule = () => null;

/** Powers under f(s x) = s^scale f(x), and parity modulo 2: 1 odd, 0 even; absent where there is no such law. */
const functions: { readonly [O in Operator]?: { readonly scale?: number; readonly sign?: 0 | 1 } } = {
  Neg: { scale: 1, sign: 1 },
  Abs: { scale: 1, sign: 0 },
  Sign: { scale: 0, sign: 1 },
  Sqrt: { scale: 0.5 },
  Reciprocal: { scale: -1, sign: 1 },
  Sin: { sign: 1 },
  Cos: { sign: 0 },
  Relu: { scale: 1 },
  LeakyRelu: { scale: 1 },
  Tanh: { sign: 1 },
  Erf: { sign: 1 },
};

const everyPlace = ({ operands }: Value) => operands.map((_, place) => place);
const additive = alike(everyPlace);
const bilinear = multilinear([1, 1]);

function signless(rule: Rule): Rule {
  return (flow, ...rest) => (flow.kind === "sign" ? null : rule(flow, ...rest));
}

/** Products of the first two operands, to which a bias is added. */
const biased: Rule = (flow, component, value, relation) => {
  const isBiased = value.operands.length > 2;
  const factors = { ...component, operands: component.operands.filter(({ place }) => place < 2) };
  const total = bilinear(flow, factors, value, relation) as Combination;
  if (!isBiased || component.results.length === 0) return total;
  const bias = component.operands.find(({ place }) => place === 2);
  flow.system.requireSame(total, bias ? power(flow, bias.leaf) : none);
  return flow.system.resolve(total);
};

/**
 * Batch norm with its running statistics: y = gamma (x - mean) / sqrt(variance + epsilon) + beta. The mean scales as x
 * does, beta as the result; a variance has no sign.
 */
const batchNormalization: Rule = (flow, { operands, results }) => {
  const [x, gamma, beta, mean, variance] = [0, 1, 2, 3, 4].map((place) => {
    const operand = operands.find((each) => each.place === place);
    return operand ? power(flow, operand.leaf) : none;
  }) as [Combination, Combination, Combination, Combination, Combination];
  if (results.length === 0 || operands.length === 1) return null;
  const { system } = flow;
  system.requireSame(x, mean);
  if (flow.kind === "sign") system.require(variance);
  const scaled = system.sum([
    [1, x],
    [1, gamma],
    [-0.5, system.resolve(variance)],
  ]);
  system.requireSame(scaled, beta);
  return system.resolve(scaled);
};

/** Scales of single units are not undone; RMSNormalization keeps their signs. */
const normalization: Rule = (flow, { operands, results }, value) => {
  const keepsSigns = flow.kind === "sign" && value.op === "RMSNormalization";
  const [x, ...parameters] = operands.map(({ leaf }) => power(flow, leaf));
  if (!x || results.length === 0) return null;
  if (!keepsSigns) flow.system.require(x);
  const { system } = flow;
  const isPerUnit = parameters.length > 0;
  const [gamma = none, beta] = parameters;
  if (!isPerUnit && value.operands.length > 2) system.require(x);
  const total = system.sum([
    [1, x],
    [1, gamma],
  ]);
  if (beta) system.requireSame(total, beta);
  return system.resolve(total);
};

/** x^k for a constant number k. */
const constantPower: Rule = (flow, component, value, relation) => {
  const exponent = value.operands[1] as Value;
  if (exponent.op !== "Constant" || elementCount(exponent.shape) !== 1) return null;
  const [k = 0] = toNumbers((exponent as Value<"Constant">).attributes.value);
  const factor = flow.kind === "scale" ? k : Number.isInteger(k) ? Math.abs(k % 2) : null;
  return pointwise(factor)(flow, component, value, relation);
};

const rules: { readonly [O in Operator]?: Rule } = {
  Add: additive,
  Sub: additive,
  Max: signless(additive),
  Min: signless(additive),
  Where: alike(() => [1, 2]),
  Mul: bilinear,
  Div: multilinear([1, -1]),
  MatMul: bilinear,
  Conv: biased,
  ConvInputGrad: bilinear,
  Pow: constantPower,
  Reshape: structure,
  Transpose: structure,
  Slice: cutting,
  Concat: structure,
  Expand: structure,
  Pad: padding,
  Less: comparison,
  LessOrEqual: comparison,
  Greater: comparison,
  GreaterOrEqual: comparison,
  Cast: structure,
  ReduceSum: structure,
  ReduceMean: structure,
  ReduceMax: signless(structure),
  ReduceMin: signless(structure),
  AveragePool: structure,
  MaxPool: signless(structure),
  Gather: structure,
  BatchNormalization: batchNormalization,
  LayerNormalization: normalization,
  RMSNormalization: normalization,
};

function ruleOf(value: Value): Rule {
  const law = functions[value.op];
  if (law) return (flow, ...rest) => pointwise(law[flow.kind] ?? null)(flow, ...rest);
  return rules[value.op] ?? blocked;
}
