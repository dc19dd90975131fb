import type { Value } from "../../graph/index.ts";
import { elementCount, type Shape, stridesOf } from "../../tensor/index.ts";
import { broadcast } from "./elementwise.ts";
import type { Elements, Kernel } from "./kernels.ts";

/** Calls `visit` with each coordinate vector of a shape (the same array each time) and its flat index. */
function forEachCoordinate(shape: Shape, visit: (coordinate: readonly number[], flat: number) => void): void {
  const coordinate = new Array<number>(shape.length).fill(0);
  const count = elementCount(shape);
  for (let flat = 0; flat < count; flat++) {
    visit(coordinate, flat);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      coordinate[axis] = (coordinate[axis] as number) + 1;
      if ((coordinate[axis] as number) < (shape[axis] as number)) break;
      coordinate[axis] = 0;
    }
  }
}

function flatIndex(coordinate: readonly number[], strides: readonly number[]): number {
  return coordinate.reduce((sum, c, axis) => sum + c * (strides[axis] as number), 0);
}

/** A result whose element at each coordinate is read from `source(coordinate)`. */
function readFrom(value: Value, x: Elements, source: (coordinate: readonly number[]) => readonly number[]): Elements {
  const strides = stridesOf((value.operands[0] as Value).shape);
  const result = new Float64Array(elementCount(value.shape));
  forEachCoordinate(value.shape, (coordinate, flat) => {
    result[flat] = x[flatIndex(source(coordinate), strides)] as number;
  });
  return result;
}

/** A result into which each element of an operand is added at `target(coordinate)`. */
function addInto(
  value: Value,
  x: Elements,
  target: (coordinate: readonly number[], flat: number) => readonly number[],
): Elements {
  const strides = stridesOf(value.shape);
  const result = new Float64Array(elementCount(value.shape));
  forEachCoordinate((value.operands[0] as Value).shape, (coordinate, flat) => {
    const place = flatIndex(target(coordinate, flat), strides);
    result[place] = (result[place] as number) + (x[flat] as number);
  });
  return result;
}

const concat: Kernel<"Concat"> = (value, operands) => {
  const { axis } = value.attributes;
  const inner = elementCount(value.shape.slice(axis + 1));
  const outer = elementCount(value.shape.slice(0, axis));
  const result = new Float64Array(elementCount(value.shape));
  let at = 0;
  for (let row = 0; row < outer; row++) {
    for (const [i, data] of operands.entries()) {
      const length = ((value.operands[i] as Value).shape[axis] as number) * inner;
      result.set(data.subarray(row * length, (row + 1) * length), at);
      at += length;
    }
  }
  return result;
};

/** Splits a gathered coordinate into the source's coordinate, with the index looked up. */
function gatherSource(axis: number, indices: Value, positions: Elements): (coordinate: readonly number[]) => number[] {
  const strides = stridesOf(indices.shape);
  return (coordinate) => {
    const index = positions[flatIndex(coordinate.slice(axis, axis + indices.rank), strides)] as number;
    return [...coordinate.slice(0, axis), index, ...coordinate.slice(axis + indices.rank)];
  };
}

export const arrange = {
  Reshape: (_: Value<"Reshape">, [x]: readonly Elements[]) => x as Elements,
  Transpose: ((value, [x]) => {
    const { perm } = value.attributes;
    const source = new Array<number>(perm.length);
    return readFrom(value, x as Elements, (coordinate) => {
      for (const [i, axis] of perm.entries()) source[axis] = coordinate[i] as number;
      return source;
    });
  }) satisfies Kernel<"Transpose">,
  Expand: ((value, [x]) =>
    broadcast(x as Elements, (value.operands[0] as Value).shape, value.shape)) satisfies Kernel<"Expand">,
  Concat: concat,
  Slice: ((value, [x]) => {
    const { starts, steps } = value.attributes;
    return readFrom(value, x as Elements, (coordinate) =>
      coordinate.map((c, axis) => (starts[axis] as number) + c * (steps[axis] as number)),
    );
  }) satisfies Kernel<"Slice">,
  Pad: ((value, [x]) => {
    const { pads } = value.attributes;
    return addInto(value, x as Elements, (coordinate) => coordinate.map((c, axis) => c + (pads[axis] as number)));
  }) satisfies Kernel<"Pad">,
  Gather: ((value, [x, indices]) =>
    readFrom(
      value,
      x as Elements,
      gatherSource(value.attributes.axis, value.operands[1] as Value, indices as Elements),
    )) satisfies Kernel<"Gather">,
  GatherGrad: ((value, [g, indices]) =>
    addInto(
      value,
      g as Elements,
      gatherSource(value.attributes.axis, value.operands[1] as Value, indices as Elements),
    )) satisfies Kernel<"GatherGrad">,
  GatherElements: ((value, [x, indices]) => {
    const strides = stridesOf(value.shape);
    return readFrom(value, x as Elements, (coordinate) =>
      coordinate.with(value.attributes.axis, (indices as Elements)[flatIndex(coordinate, strides)] as number),
    );
  }) satisfies Kernel<"GatherElements">,
  GatherElementsGrad: ((value, [g, indices]) =>
    addInto(value, g as Elements, (coordinate, flat) =>
      coordinate.with(value.attributes.axis, (indices as Elements)[flat] as number),
    )) satisfies Kernel<"GatherElementsGrad">,
};
