import { arithmeticOperators, comparisonOperators, type Operator, unaryOperators, type Value } from "../graph/index.ts";

/** One end of a link: the operand it belongs to, null for the result, and which of its axes it is on. */
export interface Side {
  readonly place: number | null;
  readonly axis: number;
  /** Size of that axis. */
  readonly size: number;
}

/** An operator between two axes that it ties. */
export interface Tie {
  readonly value: Value;
  readonly from: Side;
  readonly to: Side;
  /** Whether the operator sums over the index. */
  readonly isSummed: boolean;
}

/** What an operator does to the axes that it ties, in words that stand between them. */
export function howOf(tie: Tie): string {
  const known = words[tie.value.op] ?? "acts on each entry of";
  return typeof known === "string" ? known : known(tie);
}

/** Operators that act on each entry alone, where long chains may be cut short. */
export const pointwiseOperators: ReadonlySet<string> = new Set<Operator>([
  ...unaryOperators,
  ...arithmeticOperators,
  ...comparisonOperators,
  "Cast",
  "Expand",
  "Not",
  "And",
  "Or",
  "Where",
]);

const words: { readonly [O in Operator]?: string | ((tie: Tie) => string) } = {
  Add: "adds entry by entry",
  Sub: "subtracts entry by entry",
  Mul: "multiplies entry by entry",
  Div: "divides entry by entry",
  Max: "takes the larger, entry by entry",
  Min: "takes the smaller, entry by entry",
  Equal: "compares entry by entry",
  Less: "compares entry by entry",
  LessOrEqual: "compares entry by entry",
  Greater: "compares entry by entry",
  GreaterOrEqual: "compares entry by entry",
  Where: "chooses entry by entry",
  Expand: "repeats",
  Pad: "puts zeros around",
  Transpose: "moves the axis",
  Reshape: ({ from, to }) => sizeWords(from, to, ["splits into blocks", "merges blocks into"]),
  Slice: ({ from, to }) => sizeWords(from, to, ["cuts a part out of", "is a part of"]),
  Concat: ({ from, to, value }) => {
    const { axis } = (value as Value<"Concat">).attributes;
    if (from.axis !== axis && to.axis !== axis) return "sets others beside, along another axis,";
    return from.place === null ? "has as a part" : "sets beside others in";
  },
  MatMul: matrixWords,
  Conv: convolutionWords,
  ConvInputGrad: convolutionWords,
  BatchNormalization: parameterWords(() => "normalises each channel of"),
  LayerNormalization: parameterWords(normWords),
  RMSNormalization: parameterWords(normWords),
  Softmax: normWords,
  LogSoftmax: normWords,
  MaxPool: "takes the largest in each window of",
  AveragePool: "averages each window of",
  ReduceSum: "sums over another axis of",
  ReduceMean: "averages over another axis of",
  ReduceMax: "takes the largest along another axis of",
  ReduceMin: "takes the smallest along another axis of",
  ArgMax: "looks for the largest along another axis of",
  Gather: "looks entries up in",
};

function sizeWords(from: Side, to: Side, [smaller, larger]: readonly [string, string]): string {
  if (from.size === to.size) return "keeps";
  return from.size > to.size ? smaller : larger;
}

function matrixWords({ value, from, to, isSummed }: Tie): string {
  if (isSummed) return "sums over";
  const [side, makes] = from.place === null ? [to, "has from it"] : [from, "makes"];
  const isBeside = from.place !== null && to.place !== null;
  const fromEnd = (value.operands[side.place as number] as Value).rank - side.axis;
  const isRow = side.place === 0 && fromEnd === 2;
  const isColumn = side.place === 1 && fromEnd === 1;
  if (isBeside || !(isRow || isColumn)) return "multiplies one matrix each along";
  return `${makes} the ${isRow ? "rows" : "columns"} of its result`;
}

function convolutionWords({ value, from, to, isSummed }: Tie): string {
  const places = [from.place, to.place];
  const { group } = (value as Value<"Conv">).attributes;
  if (isSummed) return "sums over";
  if (places.includes(2)) return "adds a bias along";
  const weights = [from, to].find(({ place }) => place === 1);
  if (!weights) return "convolves each entry of";
  if (places.includes(0)) return group > 1 ? "keeps apart the groups of" : "sums over";
  return from.place === null ? "has from it the channels of its result" : "makes the channels of its result";
}

function normWords({ value, from, to }: Tie): string {
  const { axis } = value.attributes as { readonly axis: number };
  const along = from.place === null ? from.axis : to.axis;
  const isOver = value.op.endsWith("Softmax") ? along === axis : along >= axis;
  return isOver ? "normalises over" : "normalises each row of";
}

/** Words for the parameters of a norm, which lie along an axis of what it normalises. */
function parameterWords(otherwise: (tie: Tie) => string): (tie: Tie) => string {
  return (tie) => {
    const place = Math.max(tie.from.place ?? 0, tie.to.place ?? 0);
    return parameterPlaces[place] ?? otherwise(tie);
  };
}

const parameterPlaces: readonly (string | null)[] = [
  null,
  "scales along",
  "shifts along",
  "subtracts the running mean along",
  "divides by the running deviation along",
];
