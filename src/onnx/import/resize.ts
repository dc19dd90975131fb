import { constant, type Value } from "../../graph/index.ts";
import { formatShape, fromNumbers, normalizeAxis, toNumbers } from "../../tensor/index.ts";
import {
  flagAttribute,
  floatsAttribute,
  type ImportedNode,
  type Importer,
  intsAttribute,
  knownOperand,
  operand,
  refuse,
  required,
  stringAttribute,
  wholeNumbers,
} from "../imported-node.ts";

/** How an axis of one size becomes one of another. */
interface Resized {
  readonly axis: number;
  readonly from: number;
  readonly to: number;
  /** Elements of the result for each one of the operand. */
  readonly scale: number;
}

/** Interpolation along axes: nearest neighbour or linear. */
export const resize: Importer = (node) => {
  const x = operand(node, 0);
  const mode = stringAttribute(node, "mode") ?? "nearest";
  if (mode !== "nearest" && mode !== "linear") refuse(`expected mode nearest or linear, got another one`);
  if (flagAttribute(node, "antialias") || flagAttribute(node, "exclude_outside"))
    refuse("expected interpolation without antialiasing, got another kind");
  const interpolate = mode === "nearest" ? nearest : linear;
  return resizedAxes(node, x).reduce((value, each) => interpolate(node, value, each), x);
};

function resizedAxes(node: ImportedNode, x: Value): Resized[] {
  const axes = intsAttribute(node, "axes")?.map((axis) => normalizeAxis(axis, x.rank, "")) ?? x.shape.map((_, i) => i);
  const sizes = node.opset < 11 ? undefined : wholeNumbers(node, 3);
  const scales = sizes?.length ? undefined : scalesOf(node);
  if ((scales ?? sizes)?.length !== axes.length) refuse(`expected ${axes.length} scales or sizes, got another number`);
  const policy = stringAttribute(node, "keep_aspect_ratio_policy") ?? "stretch";
  if (sizes?.length && policy !== "stretch") refuse("expected sizes to be kept as they are, got another policy");
  return axes
    .map((axis, i) => {
      const from = x.shape[axis] as number;
      const scale = scales?.[i] ?? (sizes?.[i] as number) / from;
      return { axis, from, to: scales ? Math.floor(from * scale) : (sizes?.[i] as number), scale };
    })
    .filter(({ from, to, scale }) => from !== to || scale !== 1);
}

/** An attribute in the first Upsample, input 1 before operator set 11, input 2 since. */
function scalesOf(node: ImportedNode): readonly number[] {
  const attribute = floatsAttribute(node, "scales");
  return attribute ?? [...toNumbers(required(knownOperand(node, node.opset < 11 ? 1 : 2), "scales"))];
}

/** The place in the operand of each element of the result. */
function placesOf(node: ImportedNode, { from, to, scale }: Resized): Float64Array {
  const mode =
    stringAttribute(node, "coordinate_transformation_mode") ?? (node.opset < 11 ? "asymmetric" : "half_pixel");
  const place = placeRules[mode] ?? refuse(`expected a common coordinate_transformation_mode, got ${mode}`);
  node.spend(to);
  return Float64Array.from({ length: to }, (_, i) => place(i, { scale, from, to }));
}

type PlaceRule = (index: number, sizes: Omit<Resized, "axis">) => number;

const placeRules: Readonly<Record<string, PlaceRule>> = {
  half_pixel: (i, { scale }) => (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, { scale, to }) => (to > 1 ? (i + 0.5) / scale - 0.5 : 0),
  asymmetric: (i, { scale }) => i / scale,
  align_corners: (i, { from, to }) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0),
};

function nearest(node: ImportedNode, x: Value, resized: Resized): Value {
  const mode = stringAttribute(node, "nearest_mode") ?? (node.opset < 11 ? "floor" : "round_prefer_floor");
  const rounded = roundings[mode] ?? refuse(`expected a known nearest_mode, got ${mode}`);
  const positions = placesOf(node, resized).map((place) => clamp(rounded(place), resized.from));
  return x.gather(constant(fromNumbers("int64", positions)), resized.axis);
}

const roundings: Readonly<Record<string, (place: number) => number>> = {
  round_prefer_floor: (place) => Math.ceil(place - 0.5),
  round_prefer_ceil: (place) => Math.floor(place + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

/** A product with the matrix that holds the weights of the two neighbours of each place. */
function linear(node: ImportedNode, x: Value, resized: Resized): Value {
  const { axis, from, to } = resized;
  if (from === 0) refuse(`expected elements to interpolate, got ${formatShape(x.shape)}`);
  node.spend(from * to);
  const weights = new Float64Array(from * to);
  for (const [i, place] of placesOf(node, resized).entries()) {
    const start = Math.floor(place);
    const [low, high] = [clamp(start, from), clamp(start + 1, from)];
    weights[low * to + i] = (weights[low * to + i] as number) + 1 - (place - start);
    weights[high * to + i] = (weights[high * to + i] as number) + (place - start);
  }
  const last = x.rank - 1;
  const swapped = x.shape.map((_, i) => (i === axis ? last : i === last ? axis : i));
  const matrix = constant(fromNumbers(x.dtype, weights, [from, to]));
  return x.transpose(swapped).matmul(matrix).transpose(swapped);
}

function clamp(index: number, size: number): number {
  return Math.max(0, Math.min(index, size - 1));
}
