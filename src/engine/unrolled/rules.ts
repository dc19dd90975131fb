import type { Operator, Value } from "../../graph/index.ts";
import { elementCount, type Shape, stridesOf } from "../../tensor/index.ts";
import { exp, log, sigmoid, softplus, tanh } from "./elementary.ts";
import { broadcastPlaces, placesBy } from "./places.ts";
import type { Arithmetic, Scalar, ScalarBuilder } from "./scalar.ts";

/** The elements of a tensor, those of all samples as one. */
export type Elements = readonly Scalar[];

export interface RuleContext {
  readonly operands: readonly Elements[];
  readonly builder: ScalarBuilder;
  readonly samples: number;
}

/** The elements of a result, or null where they cannot be told for one sample. */
type Rule<O extends Operator> = (value: Value<O>, context: RuleContext) => Elements | null;

/** The elements of a value from those of its operands, or null where they cannot be told for one sample. */
export function elementsOf(value: Value, context: RuleContext): Elements | null {
  const rule = (rules as Partial<Record<Operator, Rule<Operator>>>)[value.op];
  const elements = rule?.(value, context);
  // Where they are not as many, some other axis happens to be as long as that of the samples.
  return elements?.length === elementCount(oneSample(value.shape, context.samples)) ? elements : null;
}

/** The shape with all samples as one. */
export function oneSample(shape: Shape, samples: number): Shape {
  return shape.map((size) => (size === samples ? 1 : size));
}

function elementwise(f: (builder: ScalarBuilder, x: Scalar, y: Scalar, z: Scalar) => Scalar): Rule<Operator> {
  return (value, { operands, builder, samples }) => {
    const shape = oneSample(value.shape, samples);
    const aligned = value.operands.map((operand, k) => {
      const places = broadcastPlaces(oneSample(operand.shape, samples), shape);
      return places.map((place) => operands[k]?.[place] as Scalar);
    });
    const [x, y, z] = aligned;
    return (x as Elements).map((each, i) => f(builder, each, y?.[i] as Scalar, z?.[i] as Scalar));
  };
}

function arithmetic(op: Arithmetic): Rule<Operator> {
  return elementwise(({ apply }, x, y) =>
    op === "sqrt" || op === "abs" || op === "neg" ? apply(op, x) : apply(op, x, y),
  );
}

const sign: Rule<Operator> = elementwise(({ apply, constant }, x) => {
  const zero = constant(0);
  const positive = apply("select", apply("less", zero, x), constant(1), x);
  return apply("select", apply("less", x, zero), constant(-1), positive);
});

const truth = ({ apply, constant }: ScalarBuilder, x: Scalar) => apply("select", x, constant(1), constant(0));

const cast: Rule<"Cast"> = (value, context) => {
  const from = (value.operands[0] as Value).dtype;
  const { to } = value.attributes;
  if (to === "bool") return elementwise(truth)(value, context);
  const isExact = to === from || to === "float64" || from === "bool";
  return isExact ? (context.operands[0] as Elements) : null;
};

/** Powers that are products or quotients. */
const power: Rule<Operator> = (value, context) => {
  const [exponent, other] = context.operands[1] as Elements;
  if (exponent?.op !== "constant" || other) return null;
  const write = powers.get(exponent.value);
  return write ? elementwise(write)(value, context) : null;
};
const powers: ReadonlyMap<number, (builder: ScalarBuilder, x: Scalar) => Scalar> = new Map([
  [1, (_, x) => x],
  [2, ({ apply }, x) => apply("mul", x, x)],
  [3, ({ apply }, x) => apply("mul", apply("mul", x, x), x)],
  [-1, ({ apply, constant }, x) => apply("div", constant(1), x)],
]);

/** The elements of a tensor that each place of a result is reduced from. */
function reducedPlaces(shape: Shape, axes: readonly number[]): number[][] {
  const strides = stridesOf(shape);
  const along = (isReduced: boolean) => (_: number, axis: number) => axes.includes(axis) === isReduced;
  const keep = (isReduced: boolean, start = 0) =>
    placesBy(shape.filter(along(isReduced)), strides.filter(along(isReduced)), start);
  return keep(false).map((start) => keep(true, start));
}

function reduction(op: "add" | "max" | "min"): Rule<"ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin"> {
  return (value, { operands: [x], builder, samples }) => {
    const { shape } = value.operands[0] as Value;
    const { axes } = value.attributes;
    const overSamples = axes.some((axis) => shape[axis] === samples);
    if (overSamples && op !== "add") return null;
    const count = axes.reduce((product, axis) => product * (shape[axis] as number), 1);
    return reducedPlaces(oneSample(shape, samples), axes).map((places) => {
      const one = places.map((place) => x?.[place] as Scalar).reduce((sum, each) => builder.apply(op, sum, each));
      const all = overSamples ? builder.total(one) : one;
      return value.op === "ReduceMean" ? builder.apply("mul", all, builder.constant(1 / count)) : all;
    });
  };
}

/** e^(x - max) and the logarithm of its sum, along one axis. */
function softmax(isLog: boolean): Rule<"Softmax" | "LogSoftmax"> {
  return (value, { operands: [x], builder, samples }) => {
    const { axis } = value.attributes;
    if (value.shape[axis] === samples) return null;
    const { apply } = builder;
    const result: Scalar[] = [];
    for (const places of reducedPlaces(oneSample(value.shape, samples), [axis])) {
      const line = places.map((place) => x?.[place] as Scalar);
      const largest = line.reduce((most, each) => apply("max", most, each));
      const shifted = line.map((each) => apply("sub", each, largest));
      const powers = shifted.map((each) => exp(builder, each));
      const sum = powers.reduce((total, each) => apply("add", total, each));
      const shift = isLog ? log(builder, sum) : null;
      for (const [i, place] of places.entries()) {
        result[place] = shift ? apply("sub", shifted[i] as Scalar, shift) : apply("div", powers[i] as Scalar, sum);
      }
    }
    return result;
  };
}

/** The same elements, where no sample gets another place than the others. */
const reshape: Rule<"Reshape"> = (value, { operands: [x], samples }) => {
  const { shape } = value.operands[0] as Value;
  const ahead = (sizes: Shape) => (sizes.includes(samples) ? elementCount(sizes.slice(0, sizes.indexOf(samples))) : -1);
  return ahead(shape) === ahead(value.shape) ? (x as Elements) : null;
};

const transpose: Rule<"Transpose"> = (value, { operands: [x], samples }) => {
  const strides = stridesOf(oneSample((value.operands[0] as Value).shape, samples));
  const steps = value.attributes.perm.map((axis) => strides[axis] as number);
  return placesBy(oneSample(value.shape, samples), steps).map((place) => x?.[place] as Scalar);
};

const slice: Rule<"Slice"> = (value, { operands: [x], samples }) => {
  const { shape } = value.operands[0] as Value;
  const { starts, steps } = value.attributes;
  if (shape.indexOf(samples) !== value.shape.indexOf(samples)) return null;
  const strides = stridesOf(oneSample(shape, samples));
  const start = strides.reduce((sum, stride, i) => sum + stride * (starts[i] as number), 0);
  const moves = strides.map((stride, i) => stride * (steps[i] as number));
  return placesBy(oneSample(value.shape, samples), moves, start).map((place) => x?.[place] as Scalar);
};

const concat: Rule<"Concat"> = (value, { operands, samples }) => {
  const { axis } = value.attributes;
  if (value.operands.some(({ shape }) => shape[axis] === samples)) return null;
  const outer = elementCount(oneSample(value.shape.slice(0, axis), samples));
  return Array.from({ length: outer }, (_, i) =>
    operands.flatMap((x) => x.slice((i * x.length) / outer, ((i + 1) * x.length) / outer)),
  ).flat();
};

const pad: Rule<"Pad"> = (value, { operands: [x], builder, samples }) => {
  const { shape } = value.operands[0] as Value;
  const { pads } = value.attributes;
  if (shape.indexOf(samples) !== value.shape.indexOf(samples)) return null;
  const to = oneSample(value.shape, samples);
  const result: Scalar[] = new Array(elementCount(to)).fill(builder.constant(0));
  const strides = stridesOf(to);
  const start = strides.reduce((sum, stride, axis) => sum + stride * (pads[axis] as number), 0);
  for (const [i, place] of placesBy(oneSample(shape, samples), strides, start).entries())
    result[place] = x?.[i] as Scalar;
  return result;
};

const matmul: Rule<"MatMul"> = (value, { operands: [a, b], builder, samples }) => {
  const [left, right] = value.operands.map(({ shape }) => shape) as [Shape, Shape];
  if (left.length < 2 || right.length < 2) return null;
  const [x, y] = [oneSample(left, samples), oneSample(right, samples)];
  const [rows, inner] = x.slice(-2) as [number, number];
  const columns = y.at(-1) as number;
  const batch = oneSample(value.shape.slice(0, -2), samples);
  const rightBlocks = broadcastPlaces(y.slice(0, -2), batch);
  const overSamples = left.at(-1) === samples;
  const result: Scalar[] = [];
  for (const [block, leftBlock] of broadcastPlaces(x.slice(0, -2), batch).entries()) {
    const rightStart = (rightBlocks[block] as number) * inner * columns;
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < columns; j++) {
        const terms = Array.from({ length: inner }, (_, k) => {
          const factor = a?.[(leftBlock * rows + i) * inner + k] as Scalar;
          return builder.apply("mul", factor, b?.[rightStart + k * columns + j] as Scalar);
        });
        const one = terms.reduce((sum, term) => builder.apply("add", sum, term));
        result.push(overSamples ? builder.total(one) : one);
      }
    }
  }
  return result;
};

const first: Rule<Operator> = (_, { operands }) => operands[0] as Elements;

const rules = {
  Neg: arithmetic("neg"),
  Abs: arithmetic("abs"),
  Sign: sign,
  Exp: elementwise(exp),
  Log: elementwise(log),
  Sqrt: arithmetic("sqrt"),
  Reciprocal: elementwise(({ apply, constant }, x) => apply("div", constant(1), x)),
  Relu: elementwise(({ apply, constant }, x) => apply("raise", x, constant(0))),
  LeakyRelu: (value: Value<"LeakyRelu">, context) =>
    elementwise(({ apply, constant }, x) =>
      apply("select", apply("less", x, constant(0)), apply("mul", x, constant(value.attributes.alpha)), x),
    )(value, context),
  Sigmoid: elementwise(sigmoid),
  Tanh: elementwise(tanh),
  Softplus: elementwise(softplus),
  Not: elementwise(({ apply, constant }, x) => apply("select", x, constant(0), constant(1))),
  Cast: cast,
  Add: arithmetic("add"),
  Sub: arithmetic("sub"),
  Mul: arithmetic("mul"),
  Div: arithmetic("div"),
  Pow: power,
  Max: arithmetic("max"),
  Min: arithmetic("min"),
  Equal: arithmetic("equal"),
  Less: arithmetic("less"),
  LessOrEqual: arithmetic("lessOrEqual"),
  Greater: elementwise(({ apply }, x, y) => apply("less", y, x)),
  GreaterOrEqual: elementwise(({ apply }, x, y) => apply("lessOrEqual", y, x)),
  And: elementwise((builder, x, y) => builder.apply("select", x, truth(builder, y), builder.constant(0))),
  Or: elementwise((builder, x, y) => builder.apply("select", x, builder.constant(1), truth(builder, y))),
  Where: elementwise(({ apply }, condition, x, y) => apply("select", condition, x, y)),
  Surrogate: first,
  ReduceSum: reduction("add"),
  ReduceMean: reduction("add"),
  ReduceMax: reduction("max"),
  ReduceMin: reduction("min"),
  Softmax: softmax(false),
  LogSoftmax: softmax(true),
  Reshape: reshape,
  Transpose: transpose,
  Expand: elementwise((_, x) => x),
  Concat: concat,
  Slice: slice,
  Pad: pad,
  MatMul: matmul,
} as const satisfies { readonly [O in Operator]?: Rule<O> };
