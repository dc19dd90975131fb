import {
  type ConvAttributes,
  elementwiseOperators,
  type Operator,
  type PoolAttributes,
  type Value,
} from "../graph/index.ts";
import { elementCount, type Shape, stridesOf, type Tensor, toNumbers } from "../tensor/index.ts";
import { auxiliary, equate, operandAxis, pinAxis, type Reading, result, same } from "./trace.ts";

type Rule<O extends Operator> = (reading: Reading<O>) => void;

/** Reads what the operator of a value says about axes; an operator without a rule fixes the order of all it touches. */
export function readAxes(reading: Reading): void {
  const isEmpty = reading.value.operands.some(({ shape }) => elementCount(shape) === 0);
  const known = (rules as Partial<Record<Operator, Rule<Operator>>>)[reading.value.op];
  const rule = isEmpty || !known ? pinAll : known;
  rule(reading);
}

/** Each index of the result depends on the same index of the operands, which are broadcast. */
const elementwise: Rule<Operator> = (reading) => {
  const { shape, operands } = reading.value;
  operands.forEach((operand, place) => {
    const offset = shape.length - operand.rank;
    operand.shape.forEach((size, axis) => {
      if (size === shape[axis + offset])
        same(reading, operandAxis(reading, place, axis), result(reading, axis + offset));
    });
  });
};

const pinAll: Rule<Operator> = (reading) => {
  const why = `${reading.value.op} is not known to respect any order of its axes`;
  reading.value.operands.forEach((operand, place) => {
    operand.shape.forEach((_, axis) => {
      pinAxis(reading, operandAxis(reading, place, axis), why);
    });
  });
  reading.value.shape.forEach((_, axis) => {
    pinAxis(reading, result(reading, axis), why);
  });
};

const reduction: Rule<"ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin"> = (reading) => {
  const { axes, keepDims } = reading.value.attributes;
  sameExcept(reading, axes, keepDims);
};

/** Ties the axes of the only operand with those of the result, which lacks some or keeps them with size 1. */
function sameExcept(reading: Reading, axes: readonly number[], keepDims: boolean): void {
  const kept = (reading.value.operands[0] as Value).shape.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  kept.forEach((axis, i) => {
    same(reading, operandAxis(reading, 0, axis), result(reading, keepDims ? axis : i));
  });
}

/** Runs of axes whose sizes multiply to the same number, in both shapes. */
function runsOf(from: Shape, to: Shape): (readonly [number[], number[]])[] {
  const runs: (readonly [number[], number[]])[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    const run = [[], []] as [number[], number[]];
    let [a, b] = [1, 1];
    do {
      const takesLeft = (a <= b && i < from.length) || j === to.length;
      if (takesLeft) {
        a *= from[i] as number;
        run[0].push(i++);
      } else {
        b *= to[j] as number;
        run[1].push(j++);
      }
    } while (a !== b);
    runs.push(run);
  }
  return runs;
}

function reshape(reading: Reading<"Reshape">): void {
  const from = (reading.value.operands[0] as Value).shape;
  for (const [left, right] of runsOf(from, reading.value.shape)) {
    equate(
      reading,
      { kind: "product", parts: left.map((axis) => operandAxis(reading, 0, axis)) },
      { kind: "product", parts: right.map((axis) => result(reading, axis)) },
    );
  }
}

function slice(reading: Reading<"Slice">): void {
  const { starts, ends, steps } = reading.value.attributes;
  (reading.value.operands[0] as Value).shape.forEach((size, axis) => {
    const whole = operandAxis(reading, 0, axis);
    const [start, end, step] = [starts[axis], ends[axis], steps[axis]] as [number, number, number];
    if (step === 1) part(reading, whole, { start, end, size, of: result(reading, axis) });
    else everyNth(reading, whole, { start, end, step, size, axis });
  });
}

interface Range {
  readonly start: number;
  readonly end: number;
  readonly size: number;
}

/** `whole` is what comes before the range, the range itself and what comes after it. */
function part(reading: Reading, whole: number, { start, end, size, of }: Range & { readonly of: number }): void {
  const rests = [start, size - end].map((length) => (length > 0 ? [auxiliary(reading, length)] : []));
  const parts = [...(rests[0] as number[]), ...(end > start ? [of] : []), ...(rests[1] as number[])];
  equate(reading, { kind: "product", parts: [whole] }, { kind: "sum", parts });
}

function everyNth(
  reading: Reading,
  whole: number,
  { start, end, step, size, axis }: Range & { readonly step: number; readonly axis: number },
): void {
  const taken = result(reading, axis);
  const isBlocked = size % step === 0 && start < step && reading.value.shape[axis] === size / step && end > size - step;
  const why = "a Slice that takes every n-th entry";
  if (!isBlocked) {
    pinAxis(reading, whole, why);
    pinAxis(reading, taken, why);
    return;
  }
  const inner = auxiliary(reading, step);
  const singly = Array.from({ length: step }, () => auxiliary(reading, 1));
  equate(reading, { kind: "product", parts: [inner] }, { kind: "sum", parts: singly });
  equate(reading, { kind: "product", parts: [whole] }, { kind: "product", parts: [taken, inner] });
}

/** Windows that slide over the axes from 2 on fix their order, unless each is one element. */
function spatial(reading: Reading, kernel: Shape, window: PoolAttributes | ConvAttributes, kernelOf?: number): void {
  kernel.forEach((size, i) => {
    const [input, output] = [operandAxis(reading, 0, i + 2), result(reading, i + 2)];
    const isPointwise = size === 1 && window.strides[i] === 1 && window.pads.every((pad) => pad === 0);
    if (isPointwise) {
      same(reading, input, output);
      return;
    }
    const why = `${reading.value.op} slides a window along it`;
    pinAxis(reading, input, why);
    pinAxis(reading, output, why);
    if (kernelOf !== undefined) pinAxis(reading, operandAxis(reading, kernelOf, i + 2), why);
  });
}

/** x [N, G C, ...] and weights [G O, C, ...] make [N, G O, ...]; a bias is [G O]. */
function convolution(reading: Reading<"Conv">): void {
  const { operands, attributes } = reading.value;
  const weights = operands[1] as Value;
  same(reading, operandAxis(reading, 0, 0), result(reading, 0));
  const [outputs, inputs] = [operandAxis(reading, 1, 0), operandAxis(reading, 1, 1)];
  if (attributes.group === 1) same(reading, operandAxis(reading, 0, 1), inputs);
  else groups(reading, attributes.group, { grouped: [operandAxis(reading, 0, 1), inputs], rows: outputs });
  same(reading, outputs, result(reading, 1));
  if (operands.length > 2) same(reading, operandAxis(reading, 2, 0), result(reading, 1));
  spatial(reading, weights.shape.slice(2), attributes, 1);
}

/** The adjoint, that is a transposed convolution: x [N, G O, ...] and weights [G O, C, ...] make [N, G C, ...]. */
function transposedConvolution(reading: Reading<"ConvInputGrad">): void {
  const { operands, attributes } = reading.value;
  const weights = operands[1] as Value;
  same(reading, operandAxis(reading, 0, 0), result(reading, 0));
  same(reading, operandAxis(reading, 0, 1), operandAxis(reading, 1, 0));
  const [rows, inputs] = [operandAxis(reading, 1, 0), operandAxis(reading, 1, 1)];
  if (attributes.group === 1) same(reading, inputs, result(reading, 1));
  else groups(reading, attributes.group, { grouped: [result(reading, 1), inputs], rows });
  spatial(reading, weights.shape.slice(2), attributes, 1);
}

/** A grouped axis is (group, `inner`), and so is the axis of rows, with as many rows in each group. */
function groups(
  reading: Reading,
  count: number,
  { grouped: [whole, inner], rows }: { readonly grouped: readonly [number, number]; readonly rows: number },
): void {
  const group = auxiliary(reading, count);
  const inGroup = auxiliary(reading, ((reading.value.operands[1] as Value).shape[0] as number) / count);
  equate(reading, { kind: "product", parts: [whole] }, { kind: "product", parts: [group, inner] });
  equate(reading, { kind: "product", parts: [rows] }, { kind: "product", parts: [group, inGroup] });
}

function pool(reading: Reading<"MaxPool" | "AveragePool">): void {
  same(reading, operandAxis(reading, 0, 0), result(reading, 0));
  same(reading, operandAxis(reading, 0, 1), result(reading, 1));
  spatial(reading, reading.value.attributes.kernel, reading.value.attributes);
}

/** Normalises over the axes from `axis` on; the parameters lie along them. */
function normalization(reading: Reading<"LayerNormalization" | "RMSNormalization">): void {
  const { operands, attributes, shape } = reading.value;
  shape.forEach((_, axis) => {
    same(reading, operandAxis(reading, 0, axis), result(reading, axis));
  });
  operands.slice(1).forEach((operand, i) => {
    operand.shape.forEach((_, axis) => {
      same(reading, operandAxis(reading, i + 1, axis), result(reading, axis + attributes.axis));
    });
  });
}

const rules: { readonly [O in Operator]?: Rule<O> } = {
  ...Object.fromEntries(elementwiseOperators.map((op) => [op, elementwise])),
  Softmax: elementwise,
  LogSoftmax: elementwise,
  Expand: elementwise,
  Input: () => {},
  Constant: (reading) => {
    const { value } = reading.value.attributes;
    value.shape.forEach((_, axis) => {
      if (!isUniformAlong(value, axis)) pinAxis(reading, result(reading, axis), "a constant that differs along it");
    });
  },
  ReduceSum: reduction,
  ReduceMean: reduction,
  ReduceMax: reduction,
  ReduceMin: reduction,
  ArgMax: (reading) => {
    const { axis } = reading.value.attributes;
    pinAxis(reading, operandAxis(reading, 0, axis), "ArgMax returns an index along it");
    sameExcept(reading, [axis], false);
  },
  Reshape: reshape,
  Transpose: (reading) => {
    reading.value.attributes.perm.forEach((from, axis) => {
      same(reading, operandAxis(reading, 0, from), result(reading, axis));
    });
  },
  Concat: (reading) => {
    const { axis: along } = reading.value.attributes;
    const places = reading.value.operands.map((_, place) => place);
    reading.value.shape.forEach((_, axis) => {
      if (axis !== along) {
        for (const place of places) same(reading, operandAxis(reading, place, axis), result(reading, axis));
        return;
      }
      const parts = places.filter((place) => reading.value.operands[place]?.shape[along] !== 0);
      const sum = parts.map((place) => operandAxis(reading, place, along));
      equate(reading, { kind: "product", parts: [result(reading, axis)] }, { kind: "sum", parts: sum });
    });
  },
  Slice: slice,
  Pad: (reading) => {
    const { pads } = reading.value.attributes;
    const { rank, shape } = reading.value;
    shape.forEach((size, axis) => {
      const end = size - (pads[axis + rank] as number);
      part(reading, result(reading, axis), {
        start: pads[axis] as number,
        end,
        size,
        of: operandAxis(reading, 0, axis),
      });
    });
  },
  Gather: (reading) => {
    const { axis: along } = reading.value.attributes;
    const [data, indices] = reading.value.operands as [Value, Value];
    pinAxis(reading, operandAxis(reading, 0, along), "Gather looks its entries up by number");
    data.shape.forEach((_, axis) => {
      const at = axis < along ? axis : axis + indices.rank - 1;
      if (axis !== along) same(reading, operandAxis(reading, 0, axis), result(reading, at));
    });
    indices.shape.forEach((_, axis) => {
      same(reading, operandAxis(reading, 1, axis), result(reading, along + axis));
    });
  },
  MatMul: (reading) => {
    const { operands, shape } = reading.value;
    operands.forEach((operand, place) => {
      const offset = shape.length - operand.rank;
      operand.shape.forEach((size, axis) => {
        const isContracted = axis === operand.rank - (place === 0 ? 1 : 2);
        if (isContracted || size !== shape[axis + offset]) return;
        same(reading, operandAxis(reading, place, axis), result(reading, axis + offset));
      });
    });
    const [a, b] = operands as [Value, Value];
    same(reading, operandAxis(reading, 0, a.rank - 1), operandAxis(reading, 1, b.rank - 2));
  },
  Conv: convolution,
  ConvInputGrad: transposedConvolution,
  MaxPool: pool,
  AveragePool: pool,
  BatchNormalization: (reading) => {
    reading.value.shape.forEach((_, axis) => {
      same(reading, operandAxis(reading, 0, axis), result(reading, axis));
    });
    for (let place = 1; place < 5; place++) same(reading, operandAxis(reading, place, 0), result(reading, 1));
  },
  LayerNormalization: normalization,
  RMSNormalization: normalization,
};

function isUniformAlong(tensor: Tensor, axis: number): boolean {
  const { shape } = tensor;
  const size = shape[axis] as number;
  if (size <= 1) return true;
  const numbers = toNumbers(tensor);
  const stride = stridesOf(shape)[axis] as number;
  const block = stride * size;
  for (let at = 0; at < elementCount(shape); at++) {
    const offset = at % block;
    if (offset >= stride && numbers[at] !== numbers[at - stride]) return false;
  }
  return true;
}
