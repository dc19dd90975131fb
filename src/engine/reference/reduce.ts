import type { Value } from "../../graph/index.ts";
import { elementCount, stridesOf } from "../../tensor/index.ts";
import type { Elements, Kernel } from "./kernels.ts";

type Reduction = "ReduceSum" | "ReduceMean" | "ReduceMax" | "ReduceMin";

function reduction(initial: number, combine: (sum: number, x: number) => number, finish = (x: number, _: number) => x) {
  return (value: Value<Reduction>, [x]: readonly Elements[]): Elements => {
    const { shape } = value.operands[0] as Value;
    const { axes } = value.attributes;
    const kept = stridesOf(shape.map((size, axis) => (axes.includes(axis) ? 1 : size)));
    const strides = stridesOf(shape);
    const result = new Float64Array(elementCount(value.shape)).fill(initial);
    for (const [i, element] of (x as Elements).entries()) {
      const target = shape.reduce((sum, size, axis) => {
        const coordinate = Math.floor(i / (strides[axis] as number)) % size;
        return axes.includes(axis) ? sum : sum + coordinate * (kept[axis] as number);
      }, 0);
      result[target] = combine(result[target] as number, element);
    }
    const count = elementCount(shape) / Math.max(result.length, 1);
    return result.map((element) => finish(element, count));
  };
}

/** Calls `visit` with every line along an axis, as its elements and the places they come from. */
function alongAxis(value: Value, axis: number, x: Elements, visit: (line: Elements, places: Int32Array) => void): void {
  const { shape } = value;
  const size = shape[axis] as number;
  const stride = stridesOf(shape)[axis] as number;
  const lines = elementCount(shape) / Math.max(size, 1);
  for (let line = 0; line < lines; line++) {
    const start = Math.floor(line / stride) * stride * size + (line % stride);
    const places = Int32Array.from({ length: size }, (_, i) => start + i * stride);
    visit(
      Float64Array.from(places, (place) => x[place] as number),
      places,
    );
  }
}

const softmax = (finish: (exponential: number, total: number, shifted: number) => number) => {
  return (value: Value<"Softmax" | "LogSoftmax">, [x]: readonly Elements[]): Elements => {
    const result = new Float64Array(elementCount(value.shape));
    alongAxis(value, value.attributes.axis, x as Elements, (line, places) => {
      const largest = Math.max(...line);
      const total = line.reduce((sum, element) => sum + Math.exp(element - largest), 0);
      for (const [i, place] of places.entries()) {
        const shifted = (line[i] as number) - largest;
        result[place] = finish(Math.exp(shifted), total, shifted);
      }
    });
    return result;
  };
};

const argMax: Kernel<"ArgMax"> = (value, [x]) => {
  const best: number[] = [];
  alongAxis(value.operands[0] as Value, value.attributes.axis, x as Elements, (line) => {
    best.push(line.indexOf(Math.max(...line)));
  });
  return Float64Array.from(best);
};

export const reduce = {
  ReduceSum: reduction(0, (sum, x) => sum + x),
  ReduceMean: reduction(
    0,
    (sum, x) => sum + x,
    (sum, count) => sum / count,
  ),
  ReduceMax: reduction(Number.NEGATIVE_INFINITY, Math.max),
  ReduceMin: reduction(Number.POSITIVE_INFINITY, Math.min),
  ArgMax: argMax,
  Softmax: softmax((exponential, total) => exponential / total),
  LogSoftmax: softmax((_, total, shifted) => shifted - Math.log(total)),
};
