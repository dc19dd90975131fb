import { type Shape, stridesOf } from "../../tensor/index.ts";

/** For each place of a result, in order, the place in an operand that moves by `strides` along the result's axes. */
export function placesBy(shape: Shape, strides: readonly number[], start = 0): number[] {
  let places = [start];
  for (const [axis, size] of shape.entries()) {
    const stride = strides[axis] as number;
    places = places.flatMap((place) => Array.from({ length: size }, (_, i) => place + i * stride));
  }
  return places;
}

/** The place in an operand of shape `from` that each place of a result of shape `to` is broadcast from. */
export function broadcastPlaces(from: Shape, to: Shape): number[] {
  const strides = stridesOf(from);
  const extra = to.length - from.length;
  const steps = to.map((_, axis) => (axis < extra || from[axis - extra] === 1 ? 0 : (strides[axis - extra] as number)));
  return placesBy(to, steps);
}
