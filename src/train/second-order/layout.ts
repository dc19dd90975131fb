import { check } from "../../errors.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import {
  elementCount,
  formatShape,
  type Shape,
  sameShape,
  type Tensor,
  tensor,
  toNumbers,
} from "../../tensor/index.ts";

/** Where one tensor lies in a vector of parameters. */
export interface LayoutEntry {
  readonly name: string;
  readonly shape: Shape;
  /** The place of its first element; the others follow in row-major order. */
  readonly start: number;
}

/** The order of parameters in a vector: that of `network.parameters`, each tensor in row-major order. */
export interface ParameterLayout {
  readonly entries: readonly LayoutEntry[];
  /** Length of the vector. */
  readonly size: number;
}

/** The layout of the trained parameters of a network, but for those held fixed. */
export function layoutOf(network: Network, fixed: Iterable<string> = []): ParameterLayout {
  const held = new Set(fixed);
  let size = 0;
  const entries = network.parameters
    .filter(({ name, trainable }) => trainable && !held.has(name))
    .map(({ name, shape }) => {
      const start = size;
      size += elementCount(shape);
      return { name, shape, start };
    });
  return { entries, size };
}

/** The parameters as one vector. */
export function flatten({ entries, size }: ParameterLayout, parameters: Parameters): Float64Array<ArrayBuffer> {
  const point = new Float64Array(size);
  for (const { name, shape, start } of entries) {
    const given = parameters[name];
    check(given && sameShape(given.shape, shape), () => ({
      code: "bad-parameters",
      where: name,
      message: `expected ${formatShape(shape)}, got ${given ? formatShape(given.shape) : "none"}`,
    }));
    point.set(toNumbers(given), start);
  }
  return point;
}

/** The vector as named float64 tensors. */
export function unflatten(
  { entries, size }: ParameterLayout,
  point: Float64Array,
): Readonly<Record<string, Tensor<"float64">>> {
  check(point.length === size, () => ({
    code: "bad-point",
    where: "second order",
    message: `expected a vector of ${size} parameters, got ${point.length}`,
  }));
  return Object.fromEntries(
    entries.map(({ name, shape, start }) => [
      name,
      tensor("float64", shape, point.slice(start, start + elementCount(shape)) as Float64Array<ArrayBuffer>),
    ]),
  );
}
