import type { Parameters } from "../nets/index.ts";
import {
  act,
  actOnTensor,
  type Discovery,
  type GroupElement,
  headSymmetry,
  identity,
  inCanonicalGauge,
  type Layout,
  type SymmetryGroup,
} from "../symmetry/index.ts";
import { elementCount, type Shape, tensor } from "../tensor/index.ts";

/** Spheres that the entries of one tensor lie on: one for each unit, or one for all. */
export interface Spheres {
  readonly tensor: string;
  readonly count: number;
  /** Consecutive entries that share a sphere. */
  readonly stretch: number;
  /** The sphere of each stretch; -1 for entries that lie on none. */
  readonly sphereOf: Int32Array;
}

/**
 * The product of spheres on which a network lies once its scales are fixed (arXiv 2202.03038, section 2): the incoming
 * weights of every unit that can be scaled, and the weights of the last layer together. Biases, gains, running statistics
 * and units with a single incoming weight lie on none.
 */
export function spheresOf(discovery: Discovery): readonly Spheres[] {
  const { group, parameters } = discovery;
  const spheres = new Map<string, Spheres>();
  for (const [generator, { kind, name }] of group.generators.entries()) {
    if (kind !== "scale" || spheres.has(name)) continue;
    const own = unitSpheres(group, generator, name);
    if (own) spheres.set(name, own);
  }
  for (const name of headSymmetry(discovery)?.scale ?? []) {
    const { shape } = parameters.get(name) as { readonly shape: Shape };
    if (shape.length > 1 && !spheres.has(name)) spheres.set(name, wholeSphere(name, shape));
  }
  return [...spheres.values()];
}

/** Other weights of the same function, with every scale fixed and no unit moved: those that geodesics start and end at. */
export function onSpheres(group: SymmetryGroup, parameters: Parameters): Parameters {
  return act(group, inCanonicalGauge(group, parameters).gauge, parameters);
}

function wholeSphere(name: string, shape: Shape): Spheres {
  return { tensor: name, count: 1, stretch: elementCount(shape), sphereOf: Int32Array.of(0) };
}

/** The entries that a generator scales together, in the tensor that it is named after. */
function unitSpheres(group: SymmetryGroup, generator: number, name: string): Spheres | null {
  const layout = group.layouts[name] as Layout;
  const count = identity(group).scales[generator]?.length ?? 0;
  const marks = marksOf(layout, markingElement(group, generator));
  // What is scaled by a quotient or a power belongs to no single unit.
  const isPartition = marks.every((mark) => mark === 1 || (Number.isInteger(mark) && mark - FIRST < count));
  const scaled = marks.reduce((sum, mark) => sum + (mark === 1 ? 0 : 1), 0);
  if (!isPartition || scaled < 2 * count) return null;
  const stretch = longestStretch(layout.shape, marks);
  const sphereOf = Int32Array.from(
    { length: marks.length / stretch },
    (_, i) => (marks[i * stretch] as number) - FIRST,
  );
  return { tensor: name, count, stretch, sphereOf };
}

/** The mark of the first unit; that of entries without a unit is 1. */
const FIRST = 2;

/** Scales each unit of a generator by a number of its own. */
function markingElement(group: SymmetryGroup, generator: number): GroupElement {
  const { permutations, scales } = identity(group);
  return {
    permutations,
    scales: scales.map((scale, i) => (i === generator ? scale.map((_, unit) => unit + FIRST) : scale)),
  };
}

function marksOf({ shape, axes }: Layout, element: GroupElement): Float32Array {
  const ones = tensor("float32", shape, new Float32Array(elementCount(shape)).fill(1));
  return actOnTensor({ shape, axes, offset: 0 }, element, ones).data as Float32Array;
}

/** The most consecutive entries, along whole axes, that all have the mark of the first among them. */
function longestStretch(shape: Shape, marks: Float32Array): number {
  const lengths = shape.map((_, axis) => elementCount(shape.slice(axis)));
  return lengths.find((length) => marks.every((mark, i) => mark === marks[i - (i % length)])) ?? 1;
}
