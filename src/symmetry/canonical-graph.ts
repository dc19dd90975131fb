import { apply, constant, expand, type Operator, rewrite, simplify, type Value } from "../graph/index.ts";
import { elementCount, fromNumbers, sameShape, toNumbers } from "../tensor/index.ts";

/**
 * The same computation in the terms that symmetries are read from: composite operators are taken apart, normalisations
 * that an exporter took apart are put together, and a part of a reshaped axis is cut out before it is reshaped, so that
 * queries, keys and values that were computed as one do not look alike.
 */
export function canonicalGraph(outputs: readonly Value[]): Value[] {
  const elementary = rewrite(simplify(outputs), (value, operands) => {
    const node = operands.every((operand, i) => operand === value.operands[i]) ? value : value.on(operands);
    return takenApart.has(node.op) ? expandFully(node) : recognised(node);
  });
  return simplify(elementary);
}

const takenApart: ReadonlySet<Operator> = new Set<Operator>(["Gelu", "HardSigmoid", "FusedMatMul", "Gemm"]);

function expandFully(value: Value): Value {
  if (!takenApart.has(value.op)) return value;
  const [whole] = rewrite([expand(value)], (node, operands) => expandFully(node.on(operands)));
  return whole as Value;
}

function recognised(value: Value): Value {
  switch (value.op) {
    case "Slice":
      return sliceEarly(value as Value<"Slice">);
    case "Gather":
      return gatherOne(value as Value<"Gather">) ?? value;
    case "Div":
      return normalization(value) ?? value;
    case "Mul":
      return normalization(value) ?? withGain(value) ?? value;
    case "Add":
      return withOffset(value) ?? value;
    default:
      return value;
  }
}

/** One range of one axis, every other axis whole. */
interface AxisRange {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
}

function sliceEarly(value: Value<"Slice">): Value {
  const { starts, ends, steps } = value.attributes;
  const [x] = value.operands as [Value];
  const cut = x.shape.flatMap((size, axis) => (starts[axis] === 0 && ends[axis] === size ? [] : [axis]));
  const [axis] = cut;
  if (cut.length !== 1 || axis === undefined || steps.some((step) => step !== 1)) return value;
  return sliced(x, { axis, start: starts[axis] as number, end: ends[axis] as number });
}

/** The range of a value, cut out of what it is a transpose or a reshaping of where that is possible. */
function sliced(value: Value, range: AxisRange): Value {
  const { axis, start, end } = range;
  if (value.op === "Transpose") {
    const { perm } = (value as Value<"Transpose">).attributes;
    return sliced(value.operands[0] as Value, { ...range, axis: perm[axis] as number }).transpose(perm);
  }
  if (value.op === "Reshape") return slicedReshape(value, range) ?? value.slice(axis, start, end);
  return value.slice(axis, start, end);
}

function slicedReshape(value: Value, { axis, start, end }: AxisRange): Value | null {
  const [x] = value.operands as [Value];
  const size = value.shape[axis] as number;
  const after = elementCount(value.shape.slice(axis + 1));
  const shape = value.shape.with(axis, end - start);
  for (let j = 0; j < x.rank; j++) {
    const inner = after / elementCount(x.shape.slice(j + 1));
    const outer = (x.shape[j] as number) / (size * inner);
    if (!Number.isInteger(inner) || !Number.isInteger(outer)) continue;
    const range = { start: start * inner, end: end * inner };
    if (outer === 1) return sliced(x, { axis: j, ...range }).reshape(shape);
    const split = x.reshape([...x.shape.slice(0, j), outer, size * inner, ...x.shape.slice(j + 1)]);
    return split.slice(j + 1, range.start, range.end).reshape(shape);
  }
  return null;
}

/** A Gather of one constant position is a slice. */
function gatherOne(value: Value<"Gather">): Value | null {
  const [x, indices] = value.operands as [Value, Value];
  if (indices.op !== "Constant" || elementCount(indices.shape) !== 1) return null;
  const { axis } = value.attributes;
  const [index = 0] = toNumbers((indices as Value<"Constant">).attributes.value);
  const start = index < 0 ? index + (x.shape[axis] as number) : index;
  return sliced(x, { axis, start, end: start + 1 }).reshape(value.shape);
}

/** RMSNormalization or LayerNormalization where `value` is x / sqrt(mean(x^2) + epsilon) over the last axes. */
function normalization(value: Value): Value | null {
  const [x, root] = quotient(value) ?? [];
  const found = x && root && meanSquare(root, x);
  if (!found) return null;
  const { axis, epsilon } = found;
  const centred = centredOver(x, axis);
  const ones = constant(fromNumbers(x.dtype, new Array<number>(elementCount(x.shape.slice(axis))).fill(1)));
  const scale = ones.reshape(x.shape.slice(axis));
  const [normalized, operand] = centred
    ? (["LayerNormalization", centred] as const)
    : (["RMSNormalization", x] as const);
  return apply(normalized, [operand, scale], { axis, epsilon });
}

/** A normalisation without parameters of its own, times a gain along the normalised axes. */
function withGain(value: Value): Value | null {
  for (const [normalized, gain] of bothWays(value)) {
    const [x, scale] = normalized.operands as readonly [Value?, Value?];
    const isNorm = normalized.op === "RMSNormalization" || normalized.op === "LayerNormalization";
    if (
      isNorm &&
      x &&
      scale &&
      isOnes(scale) &&
      normalized.operands.length === 2 &&
      sameShape(gain.shape, scale.shape)
    ) {
      return normalized.on([x, gain]);
    }
  }
  return null;
}

/** A layer norm without a bias of its own, plus one along the normalised axes. */
function withOffset(value: Value): Value | null {
  for (const [normalized, bias] of bothWays(value)) {
    const [x, scale] = normalized.operands as readonly [Value?, Value?];
    const isBare = normalized.op === "LayerNormalization" && normalized.operands.length === 2;
    if (isBare && x && scale && sameShape(bias.shape, scale.shape)) return normalized.on([x, scale, bias]);
  }
  return null;
}

function bothWays({ operands }: Value): readonly [Value, Value][] {
  const [a, b] = operands as [Value, Value];
  return [
    [a, b],
    [b, a],
  ];
}

function isOnes(value: Value): boolean {
  if (value.op === "Reshape" || value.op === "Expand") return isOnes(value.operands[0] as Value);
  return value.op === "Constant" && toNumbers((value as Value<"Constant">).attributes.value).every((x) => x === 1);
}

/** Numerator and square-rooted denominator of x / sqrt(r), x * (1 / sqrt(r)) or x * r^-0.5. */
function quotient(value: Value): [Value, Value] | null {
  const [a, b] = value.operands as [Value, Value];
  if (value.op === "Div") return b.op === "Sqrt" ? [a, b.operands[0] as Value] : null;
  for (const [x, factor] of bothWays(value)) {
    const [inner, exponent] = factor.operands as readonly [Value?, Value?];
    if (factor.op === "Reciprocal" && inner?.op === "Sqrt") return [x, inner.operands[0] as Value];
    if (factor.op === "Div" && inner && isNumber(inner, 1) && exponent?.op === "Sqrt") {
      return [x, exponent.operands[0] as Value];
    }
    if (factor.op === "Pow" && inner && exponent && isNumber(exponent, -0.5)) return [x, inner];
  }
  return null;
}

/** The normalised axes and epsilon where `value` is mean(x^2) + epsilon, kept with size 1. */
function meanSquare(value: Value, x: Value): { axis: number; epsilon: number } | null {
  if (value.op !== "Add") return null;
  const [mean, constantTerm] = value.operands[0]?.op === "ReduceMean" ? value.operands : value.operands.toReversed();
  const epsilon = constantTerm && numberOf(constantTerm);
  if (epsilon === undefined || mean?.op !== "ReduceMean") return null;
  const axis = lastAxes(mean as Value<"ReduceMean">, x);
  return axis !== null && isSquareOf(mean.operands[0] as Value, x) ? { axis, epsilon } : null;
}

/** The first of the averaged axes, where they are the last ones and are kept. */
function lastAxes({ attributes: { axes, keepDims } }: Value<"ReduceMean">, x: Value): number | null {
  const first = x.rank - axes.length;
  return keepDims && axes.every((axis, i) => axis === first + i) ? first : null;
}

function isSquareOf(value: Value, x: Value): boolean {
  const [a, b] = value.operands as readonly [Value?, Value?];
  if (a !== x || !b) return false;
  return value.op === "Mul" ? b === x : value.op === "Pow" && isNumber(b, 2);
}

/** `y` where `x` is y - mean(y) over the axes from `axis` on. */
function centredOver(x: Value, axis: number): Value | null {
  const [y, mean] = x.operands as readonly [Value?, Value?];
  if (x.op !== "Sub" || mean?.op !== "ReduceMean" || mean.operands[0] !== y || !y) return null;
  return lastAxes(mean as Value<"ReduceMean">, y) === axis && sameShape(x.shape, y.shape) ? y : null;
}

function isNumber(value: Value, number: number): boolean {
  return numberOf(value) === number;
}

/** The number of a constant with one element. */
function numberOf(value: Value): number | undefined {
  if (value.op === "Expand" || value.op === "Reshape" || value.op === "Cast")
    return numberOf(value.operands[0] as Value);
  if (value.op !== "Constant" || elementCount(value.shape) !== 1) return undefined;
  return toNumbers((value as Value<"Constant">).attributes.value)[0];
}
