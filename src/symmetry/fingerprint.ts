import type { Parameters } from "../nets/index.ts";
import { convert, fold, normal, type RngKey, rngKey, type Tensor } from "../tensor/index.ts";
import { actOnTensor } from "./act.ts";
import { contract, FEATURES } from "./contract.ts";
import { type GroupElement, unitsIn } from "./element.ts";
import type { Factor, Layout, Place, Run, SymmetryGroup } from "./group.ts";
import { runsOf } from "./indexing.ts";

/** A few numbers for every unit of every factor, that move with the units when these are permuted. */
export interface Fingerprints {
  /** By factor: of unit i in copy c they start at (c size + i) FEATURES; null where nothing is known yet. */
  readonly features: readonly (Float64Array | null)[];
}

/** Every tensor that the group acts on, with its layout. */
export interface Placed {
  readonly layout: Layout;
  readonly tensor: Tensor;
  /** Its place among the parameters of the group: fixed axes have features of their own in each. */
  readonly number: number;
  readonly runs: readonly Run[];
}

/**
 * The tensors of the group among some parameters, in the order of the network. Under an element each is computed when it
 * is asked for, and kept only while memory is not wanted: all at once would take as much as the parameters.
 */
export function placedTensors(
  group: SymmetryGroup,
  parameters: Parameters,
  element: GroupElement | null = null,
): Map<string, Placed> {
  const entries = Object.entries(group.layouts).flatMap(([name, layout], number) => {
    const stored = parameters[name];
    if (!stored) return [];
    const runs = layout.axes.flatMap(runsOf);
    let held: WeakRef<Tensor> | undefined;
    const placed = {
      layout,
      number,
      runs,
      get tensor() {
        const tensor = held?.deref() ?? inNumbers(element ? actOnTensor(layout, element, stored) : stored);
        held = new WeakRef(tensor);
        return tensor;
      },
    };
    return [[name, placed] as const];
  });
  return new Map(entries);
}

function inNumbers(tensor: Tensor): Tensor {
  return tensor.dtype === "float32" || tensor.dtype === "float64" ? tensor : convert(tensor, "float32");
}

const root: RngKey = rngKey(0x0b1f01d);

/** Pseudo-random features for an axis whose order is fixed; ones for units of which nothing is known. */
export function featureSource(group: SymmetryGroup, { features }: Fingerprints) {
  const known = new Map<string, Float64Array>();
  return ({ number }: Placed) =>
    (run: Run): Float64Array => {
      if (run.factor !== null) return features[run.factor] ?? onesFor(group.factors[run.factor] as Factor, known);
      const key = `${number} ${run.place.axis} ${run.place.leaf}`;
      const drawn =
        known.get(key) ??
        normal(fold(root, number, run.place.axis, run.place.leaf), [run.size * FEATURES], { dtype: "float64" }).data;
      known.set(key, drawn);
      return drawn;
    };
}

function onesFor(factor: Factor, known: Map<string, Float64Array>): Float64Array {
  const count = unitsIn(factor) * FEATURES;
  const ones = known.get(`ones ${count}`) ?? new Float64Array(count).fill(1);
  known.set(`ones ${count}`, ones);
  return ones;
}

/**
 * Fingerprints of all units: a first pass from the inputs on, each factor as soon as what it reads is known, then one in
 * which every factor sees all tensors that it indexes, those that write its units and those that read them.
 */
export function fingerprints(group: SymmetryGroup, tensors: ReadonlyMap<string, Placed>): Fingerprints {
  const first = firstPass(group, tensors);
  const sites = sitesByFactor(group, tensors);
  const features = group.factors.map((_, factor) => unitFeatures(group, first, { factor, sites: sites[factor] ?? [] }));
  return { features };
}

/** A tensor and the run of one of its axes. */
export interface RunAt {
  readonly placed: Placed;
  readonly run: Run;
}

/** Where each factor's units lie. */
export function sitesByFactor(group: SymmetryGroup, tensors: ReadonlyMap<string, Placed>): RunAt[][] {
  const sites: RunAt[][] = group.factors.map(() => []);
  for (const placed of tensors.values()) {
    for (const run of placed.runs) if (run.factor !== null) sites[run.factor]?.push({ placed, run });
  }
  return sites;
}

function firstPass(group: SymmetryGroup, tensors: ReadonlyMap<string, Placed>): Fingerprints {
  const features: (Float64Array | null)[] = group.factors.map(() => null);
  const sites = sitesByFactor(group, tensors);
  const waiting = new Set(group.factors.keys());
  while (waiting.size > 0) {
    const before = waiting.size;
    for (const factor of waiting) {
      const ready = (sites[factor] ?? []).filter((at) => isReadable(features, at));
      if (ready.length === 0) continue;
      features[factor] = unitFeatures(group, { features }, { factor, sites: ready });
      waiting.delete(factor);
    }
    if (waiting.size < before) continue;
    // Factors that wait for each other: the first sees the others as all alike.
    const [factor] = waiting as Iterable<number>;
    features[factor as number] = unitFeatures(
      group,
      { features },
      { factor: factor as number, sites: sites[factor as number] ?? [] },
    );
    waiting.delete(factor as number);
  }
  return { features };
}

/** Whether the units along every other leaf of a tensor have features by now. */
export function isReadable(features: Fingerprints["features"], { placed, run }: RunAt): boolean {
  const isOuter = ({ axis, leaf }: Place) => run.within.some((place) => place.axis === axis && place.leaf === leaf);
  return placed.runs.every(
    ({ factor, place }) => factor === null || features[factor] || place === run.place || isOuter(place),
  );
}

/** Features of one factor from the tensors that it indexes, each normalised over the units and weighted by its own number. */
export function unitFeatures(
  group: SymmetryGroup,
  known: Fingerprints,
  { factor, sites }: { readonly factor: number; readonly sites: readonly RunAt[] },
): Float64Array {
  const source = featureSource(group, known);
  const total = new Float64Array(unitsIn(group.factors[factor] as Factor) * FEATURES);
  for (const { placed, run } of sites) {
    const sums = normalised(contract({ ...placed, featuresOf: source(placed) }, run));
    const weight = 1 / (1 + (placed.number % 7) / 3 + run.place.axis / 5 + run.place.leaf / 11);
    for (let i = 0; i < total.length; i++) total[i] = (total[i] as number) + weight * (sums[i] as number);
  }
  return total.map((x) => x / Math.sqrt(1 + x * x));
}

/** Each feature divided by its root mean square over the units. */
function normalised(sums: Float64Array): Float64Array {
  const count = sums.length / FEATURES;
  const squares = new Float64Array(FEATURES);
  for (const [i, x] of sums.entries()) squares[i % FEATURES] = (squares[i % FEATURES] as number) + x * x;
  return sums.map((x, i) => {
    const rms = Math.sqrt((squares[i % FEATURES] as number) / count);
    return rms > 0 ? x / rms : 0;
  });
}
