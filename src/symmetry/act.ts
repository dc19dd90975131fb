import type { Parameters } from "../nets/index.ts";
import {
  allocate,
  convert,
  elementCount,
  isLazy,
  lazyTensor,
  reshape,
  type Shape,
  type Shelf,
  shelf,
  stridesOf,
  type Tensor,
  tensor,
} from "../tensor/index.ts";
import { type AxisMap, type AxisMaps, axisMaps } from "./axis-map.ts";
import type { GroupElement } from "./element.ts";
import type { Layout, SymmetryGroup } from "./group.ts";
import { apart } from "./indexing.ts";

/** The parameters that a group element makes of others; tensors that the group does not know stay as they are. */
export function act(group: SymmetryGroup, element: GroupElement, parameters: Parameters): Parameters {
  const on = shelf();
  const moved = Object.entries(parameters).map(([name, value]) => {
    const layout = Object.hasOwn(group.layouts, name) ? group.layouts[name] : undefined;
    return [name, layout ? moveTensor(layout, element, value, on) : value] as const;
  });
  return Object.fromEntries(moved);
}

/** Lazy tensors become lazy ones, with memory of their own. */
function moveTensor(layout: Layout, element: GroupElement, value: Tensor, on: Shelf): Tensor {
  if (!isLazy(value)) return actOnTensor(layout, element, value);
  if (mapsOf(layout, element).every(isIdentity)) return value;
  const { dtype, shape } = value;
  return lazyTensor({ dtype, shape, load: () => actOnTensor(layout, element, value).data, isFresh: true }, on);
}

/** One parameter under a group element. */
export function actOnTensor(layout: Layout, element: GroupElement, value: Tensor): Tensor {
  const maps = mapsOf(layout, element);
  if (maps.every(isIdentity)) return value;
  if (isChained(maps) && layout.axes.some(({ length }) => length > 1)) {
    const parts = apart(layout);
    return reshape(actOnTensor(parts, element, reshape(value, parts.shape)), value.shape);
  }
  // Half precision is scaled in single precision; a permutation moves the bits of any type.
  const isHalf = value.dtype === "float16" || value.dtype === "bfloat16";
  if (isHalf && maps.some(({ isScaled }) => isScaled)) {
    return convert(actOnTensor(layout, element, convert(value, "float32")), value.dtype);
  }
  const data = allocate(value.dtype, elementCount(value.shape));
  const gather = { from: value.data as Float64Array, to: data as Float64Array, shape: value.shape, maps };
  gatherAxes(gather, layout.offset);
  return tensor(value.dtype, value.shape, data);
}

function mapsOf(layout: Layout, element: GroupElement): AxisMaps[] {
  return layout.shape.map((_, axis) => axisMaps(layout, axis, element));
}

function isIdentity({ isPermuted, isScaled }: AxisMaps): boolean {
  return !isPermuted && !isScaled;
}

/** Whether an axis depends on one that itself depends on another, which may be the first. */
function isChained(maps: readonly AxisMaps[]): boolean {
  return maps.some(({ dependsOn }) => dependsOn.some((axis) => (maps[axis] as AxisMaps).dependsOn.length > 0));
}

interface Gather {
  readonly from: Float64Array;
  readonly to: Float64Array;
  readonly shape: Shape;
  readonly maps: readonly AxisMaps[];
}

/** Axes are visited after those that their blocks depend on; the innermost in memory last wherever possible. */
function gatherAxes({ from, to, shape, maps }: Gather, offset: number): void {
  const order = visitingOrder(maps);
  const strides = stridesOf(shape);
  const indices = shape.map(() => 0);
  const contiguous = contiguousTail(shape, maps, order);
  // Adding -0 changes nothing, where adding 0 would make 0 of -0.
  const buffers = { from, to, added: offset || -0, offset };
  const visit = (depth: number, target: number, source: number, factor: number) => {
    if (depth === order.length - contiguous.axes) {
      copyRun(buffers, { target, source, factor, length: contiguous.length });
      return;
    }
    const axis = order[depth] as number;
    const map = (maps[axis] as AxisMaps).at(indices);
    const stride = strides[axis] as number;
    if (depth === order.length - 1 || (depth === order.length - contiguous.axes - 1 && stride === contiguous.length)) {
      copyMapped(buffers, { target, source, factor, stride, map, length: contiguous.length });
      return;
    }
    for (let index = 0; index < map.source.length; index++) {
      indices[axis] = index;
      const scale = factor * (map.factors?.[index] ?? 1);
      visit(depth + 1, target + index * stride, source + (map.source[index] as number) * stride, scale);
    }
  };
  if (elementCount(shape) > 0) visit(0, 0, 0, 1);
}

function visitingOrder(maps: readonly AxisMaps[]): number[] {
  const order: number[] = [];
  const visit = (axis: number) => {
    if (order.includes(axis)) return;
    for (const other of (maps[axis] as AxisMaps).dependsOn) visit(other);
    order.push(axis);
  };
  for (const axis of maps.keys()) visit(axis);
  return order;
}

/** The last axes that stay as they are and lie in one piece of memory. */
function contiguousTail(shape: Shape, maps: readonly AxisMaps[], order: readonly number[]) {
  let [axes, length] = [0, 1];
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const isNext = order[order.length - 1 - axes] === axis;
    if (!isNext || !isIdentity(maps[axis] as AxisMaps)) break;
    axes++;
    length *= shape[axis] as number;
  }
  return { axes, length };
}

interface Buffers {
  readonly from: Float64Array;
  readonly to: Float64Array;
  /** Added before scaling, and what is taken away after. */
  readonly added: number;
  readonly offset: number;
}

interface Stretch {
  readonly target: number;
  readonly source: number;
  readonly factor: number;
}

function copyRun({ from, to, added, offset }: Buffers, run: Stretch & { readonly length: number }): void {
  const { target, source, factor, length } = run;
  if (factor === 1) {
    to.set(from.subarray(source, source + length), target);
    return;
  }
  for (let i = 0; i < length; i++) to[target + i] = ((from[source + i] as number) + added) * factor - offset;
}

/** Copies a stretch of `length` for each index of an axis; elements `stride` apart where it is 1. */
function copyMapped(
  { from, to, added, offset }: Buffers,
  {
    target,
    source,
    factor,
    stride,
    map,
    length,
  }: Stretch & {
    readonly stride: number;
    readonly map: AxisMap;
    readonly length: number;
  },
): void {
  const { source: sources, factors } = map;
  for (let i = 0; i < sources.length; i++) {
    const scale = factors === null ? factor : factor * (factors[i] as number);
    const at = target + i * stride;
    const start = source + (sources[i] as number) * stride;
    // In two loops, as rounding must not touch what is only moved.
    if (scale === 1) for (let j = 0; j < length; j++) to[at + j] = from[start + j] as number;
    else for (let j = 0; j < length; j++) to[at + j] = ((from[start + j] as number) + added) * scale - offset;
  }
}
