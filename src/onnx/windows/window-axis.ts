import type { ConvAttributes } from "../../graph/index.ts";
import type { Shape } from "../../tensor/index.ts";

/** How the windows of a convolution lie along one spatial axis. */
export interface WindowAxis {
  readonly inputs: number;
  readonly outputs: number;
  readonly taps: number;
  readonly stride: number;
  readonly padding: number;
  readonly dilation: number;
}

export interface ConvShapes {
  readonly x: Shape;
  readonly w: Shape;
  readonly y: Shape;
}

/** The windows along the spatial axis `i`. */
export function windowAxis({ x, w, y }: ConvShapes, { strides, pads, dilations }: ConvAttributes, i: number) {
  const at = (list: Shape, index: number) => list[index] as number;
  return {
    inputs: at(x, i + 2),
    outputs: at(y, i + 2),
    taps: at(w, i + 2),
    stride: at(strides, i),
    padding: at(pads, i),
    dilation: at(dilations, i),
  } satisfies WindowAxis;
}

/** The input under a tap of an output's window; null in the padding. */
export function inputUnder(axis: WindowAxis, output: number, tap: number): number | null {
  const input = output * axis.stride - axis.padding + tap * axis.dilation;
  return input >= 0 && input < axis.inputs ? input : null;
}

/** For each input, every tap and output that meet at it. */
export function meetings(axis: WindowAxis): { readonly tap: number; readonly output: number }[][] {
  const lists: { tap: number; output: number }[][] = Array.from({ length: axis.inputs }, () => []);
  for (let tap = 0; tap < axis.taps; tap++) {
    for (let output = 0; output < axis.outputs; output++) {
      const input = inputUnder(axis, output, tap);
      if (input !== null) lists[input]?.push({ tap, output });
    }
  }
  return lists;
}
