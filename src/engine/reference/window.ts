import type { Value, Window } from "../../graph/index.ts";
import { elementCount, type Shape } from "../../tensor/index.ts";
import type { Elements, Kernel } from "./kernels.ts";

interface SpatialShapes {
  readonly input: Shape;
  readonly kernel: Shape;
  readonly output: Shape;
}

/** Calls `visit` with each output position, each place in its window, and the input position under it (or -1). */
function forEachTap(
  spatial: SpatialShapes,
  window: Window,
  visit: (output: number, tap: number, input: number) => void,
): void {
  const [outputs, taps] = [elementCount(spatial.output), elementCount(spatial.kernel)];
  for (let output = 0; output < outputs; output++) {
    for (let tap = 0; tap < taps; tap++) visit(output, tap, inputPosition(output, tap, spatial, window));
  }
}

function inputPosition(
  output: number,
  tap: number,
  spatial: SpatialShapes,
  { strides, pads, dilations }: Window,
): number {
  let position = 0;
  let scale = 1;
  let o = output;
  let t = tap;
  for (let axis = strides.length - 1; axis >= 0; axis--) {
    const size = spatial.input[axis] as number;
    const [outputs, taps] = [spatial.output[axis] as number, spatial.kernel[axis] as number];
    const at = (o % outputs) * (strides[axis] as number) + (t % taps) * (dilations[axis] as number);
    const inside = at - (pads[axis] as number);
    if (inside < 0 || inside >= size) return -1;
    position += inside * scale;
    scale *= size;
    o = Math.floor(o / outputs);
    t = Math.floor(t / taps);
  }
  return position;
}

type Operands = "x" | "w" | "y";

/** Adds to each element of `into` its products in a convolution y = x * w: of x and w, of y and w, or of y and x. */
function addProducts(
  shapes: Readonly<Record<Operands, Shape>>,
  attributes: Window & { readonly group: number },
  { x, w, y }: Readonly<Record<Operands, Elements>>,
  into: Operands,
): void {
  const [batch, channels] = shapes.x as [number, number];
  const [filters, perGroup] = shapes.w as [number, number];
  const spatial = { input: shapes.x.slice(2), kernel: shapes.w.slice(2), output: shapes.y.slice(2) };
  const [inputs, taps, outputs] = [spatial.input, spatial.kernel, spatial.output].map(elementCount) as [
    number,
    number,
    number,
  ];
  forEachTap(spatial, attributes, (output, tap, input) => {
    if (input < 0) return;
    for (let n = 0; n < batch; n++) {
      for (let o = 0; o < filters; o++) {
        const firstChannel = Math.floor((o * attributes.group) / filters) * perGroup;
        const j = (n * filters + o) * outputs + output;
        for (let c = 0; c < perGroup; c++) {
          const i = (n * channels + firstChannel + c) * inputs + input;
          const k = (o * perGroup + c) * taps + tap;
          if (into === "y") y[j] = (y[j] as number) + (x[i] as number) * (w[k] as number);
          else if (into === "x") x[i] = (x[i] as number) + (y[j] as number) * (w[k] as number);
          else w[k] = (w[k] as number) + (y[j] as number) * (x[i] as number);
        }
      }
    }
  });
}

function accumulate(shape: Shape, run: (add: (index: number, amount: number) => void) => void): Elements {
  const result = new Float64Array(elementCount(shape));
  run((index, amount) => {
    result[index] = (result[index] as number) + amount;
  });
  return result;
}

const conv: Kernel<"Conv"> = (value, [x, w, bias]) => {
  const shapes = { x: shapeOf(value, 0), w: shapeOf(value, 1), y: value.shape };
  const y = new Float64Array(elementCount(value.shape));
  addProducts(shapes, value.attributes, { x: x as Elements, w: w as Elements, y }, "y");
  const outputs = elementCount(value.shape.slice(2));
  const filters = value.shape[1] as number;
  return bias ? y.map((sum, i) => sum + (bias[Math.floor(i / outputs) % filters] as number)) : y;
};

const convInputGrad: Kernel<"ConvInputGrad"> = (value, [y, w]) => {
  const shapes = { x: value.shape, w: shapeOf(value, 1), y: shapeOf(value, 0) };
  const x = new Float64Array(elementCount(value.shape));
  addProducts(shapes, value.attributes, { x, w: w as Elements, y: y as Elements }, "x");
  return x;
};

const convWeightGrad: Kernel<"ConvWeightGrad"> = (value, [x, y]) => {
  const shapes = { x: shapeOf(value, 0), w: value.shape, y: shapeOf(value, 1) };
  const w = new Float64Array(elementCount(value.shape));
  addProducts(shapes, value.attributes, { x: x as Elements, w, y: y as Elements }, "w");
  return w;
};

type Pool = "MaxPool" | "MaxPoolGrad" | "MaxPoolGather" | "AveragePool" | "AveragePoolGrad";

/** Calls `visit` with each pooled element and the input elements in its window (all planes). */
function forEachWindow(
  value: Value<Pool>,
  input: Shape,
  output: Shape,
  visit: (pooled: number, elements: readonly number[]) => void,
): void {
  const spatial = { input: input.slice(2), kernel: value.attributes.kernel, output: output.slice(2) };
  const outputs = elementCount(spatial.output);
  const windows = Array.from({ length: outputs }, () => [] as number[]);
  forEachTap(spatial, value.attributes, (o, _, i) => {
    if (i >= 0) (windows[o] as number[]).push(i);
  });
  const planes = elementCount(input.slice(0, 2));
  const inputs = elementCount(spatial.input);
  for (let plane = 0; plane < planes; plane++) {
    for (const [o, window] of windows.entries()) {
      visit(
        plane * outputs + o,
        window.map((i) => plane * inputs + i),
      );
    }
  }
}

/** The first of the largest elements. */
function largest(x: Elements, window: readonly number[]): number {
  return window.reduce((best, i) => ((x[i] as number) > (x[best] as number) ? i : best), window[0] as number);
}

function shapeOf(value: Value, operand: number): Shape {
  return (value.operands[operand] as Value).shape;
}

const maxPool: Kernel<"MaxPool"> = (value, [x]) =>
  accumulate(value.shape, (add) =>
    forEachWindow(value, shapeOf(value, 0), value.shape, (o, window) =>
      add(o, (x as Elements)[largest(x as Elements, window)] as number),
    ),
  );

const maxPoolGrad: Kernel<"MaxPoolGrad"> = (value, [x, g]) =>
  accumulate(value.shape, (add) =>
    forEachWindow(value, value.shape, shapeOf(value, 1), (o, window) =>
      add(largest(x as Elements, window), (g as Elements)[o] as number),
    ),
  );

const maxPoolGather: Kernel<"MaxPoolGather"> = (value, [x, source]) =>
  accumulate(value.shape, (add) =>
    forEachWindow(value, shapeOf(value, 0), value.shape, (o, window) =>
      add(o, (source as Elements)[largest(x as Elements, window)] as number),
    ),
  );

function divisor(value: Value<"AveragePool" | "AveragePoolGrad">, window: readonly number[]): number {
  return value.attributes.countIncludePad ? elementCount(value.attributes.kernel) : window.length;
}

const averagePool: Kernel<"AveragePool"> = (value, [x]) =>
  accumulate(value.shape, (add) =>
    forEachWindow(value, shapeOf(value, 0), value.shape, (o, window) => {
      for (const i of window) add(o, ((x as Elements)[i] as number) / divisor(value, window));
    }),
  );

const averagePoolGrad: Kernel<"AveragePoolGrad"> = (value, [g]) =>
  accumulate(value.shape, (add) =>
    forEachWindow(value, value.shape, shapeOf(value, 0), (o, window) => {
      for (const i of window) add(i, ((g as Elements)[o] as number) / divisor(value, window));
    }),
  );

export const window = {
  Conv: conv,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  MaxPool: maxPool,
  MaxPoolGrad: maxPoolGrad,
  MaxPoolGather: maxPoolGather,
  AveragePool: averagePool,
  AveragePoolGrad: averagePoolGrad,
};
