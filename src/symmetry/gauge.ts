import type { Tensor } from "../tensor/index.ts";
import { actOnTensor } from "./act.ts";
import { contract, FEATURES, unitSums } from "./contract.ts";
import { type GroupElement, identity } from "./element.ts";
import { featureSource, isReadable, type Placed, sitesByFactor, unitFeatures } from "./fingerprint.ts";
import type { Generator, Power, Run, SymmetryGroup } from "./group.ts";

/** What decides when a number counts as zero or a scale as one: the rounding of the parameters' own type. */
export interface GaugeOptions {
  /** Scales that differ from 1 by less stay 1, so that a canonical form is its own canonical form. */
  readonly tolerance: number;
}

/**
 * The scales and signs that bring every unit to its canonical gauge: the variance of what enters a batch norm becomes 1,
 * a gain 1, the incoming weights of a unit get norm 1 (arXiv 2202.03038, section 2), and of two opposite signs the one
 * is taken for which the unit's fingerprint is positive. Layer after layer, as norms depend on the layers before.
 */
export function canonicalGauge(
  group: SymmetryGroup,
  tensors: ReadonlyMap<string, Placed>,
  { tolerance }: GaugeOptions,
): GroupElement {
  const progress: Progress = {
    group,
    sites: sitesByGenerator(group, tensors),
    tolerance,
    element: identity(group),
    settled: new Set(),
    open: new Map(),
    features: group.factors.map(() => null),
  };
  const sites = sitesByFactor(group, tensors);
  const waiting = { generators: new Set(group.generators.keys()), factors: new Set(group.factors.keys()) };
  while (waiting.generators.size > 0) {
    const before = waiting.generators.size + waiting.factors.size;
    for (const generator of waiting.generators) {
      if (isSettleable(progress, generator)) settle(progress, waiting.generators, generator);
    }
    for (const factor of waiting.factors) {
      const ready = (sites[factor] ?? []).filter(
        (at) => isReadable(progress.features, at) && isSettled(progress, at.placed),
      );
      if (ready.length === 0) continue;
      const current = ready.map(({ placed, run }) => ({
        run,
        placed: { ...placed, tensor: inGauge(progress, placed) },
      }));
      progress.features[factor] = unitFeatures(group, progress, { factor, sites: current });
      waiting.factors.delete(factor);
    }
    if (waiting.generators.size + waiting.factors.size < before) continue;
    // Generators that wait for each other, as in recurrent weights: the first sees the others as they are.
    const [first] = waiting.generators;
    settle(progress, waiting.generators, first as number);
  }
  settleSilent(progress);
  return progress.element;
}

interface Progress {
  readonly group: SymmetryGroup;
  /** By generator. */
  readonly sites: readonly (readonly Measured[])[];
  readonly tolerance: number;
  /** Scales found so far; 1 for those still to be found. */
  readonly element: GroupElement;
  readonly settled: Set<number>;
  /** Units that nothing comes into, by generator. */
  readonly open: Map<number, Set<number>>;
  readonly features: (Float64Array | null)[];
}

/** A generator at the tensor that it is measured by. */
interface Measured {
  readonly placed: Placed;
  readonly run: Run;
  readonly power: Power;
}

/** Where each generator acts, the tensor that it is named after first. */
function sitesByGenerator({ generators }: SymmetryGroup, tensors: ReadonlyMap<string, Placed>): Measured[][] {
  const sites: Measured[][] = generators.map(() => []);
  for (const isOwn of [true, false]) {
    for (const [tensor, placed] of tensors) {
      for (const run of placed.runs) {
        for (const power of run.powers) {
          const { name } = generators[power.generator] as Generator;
          if ((tensor === name) === isOwn) sites[power.generator]?.push({ placed, run, power });
        }
      }
    }
  }
  return sites;
}

function sitesOf({ sites }: Progress, generator: number): readonly Measured[] {
  return sites[generator] as readonly Measured[];
}

function generatorsOn({ runs }: Placed): number[] {
  return runs.flatMap(({ powers }) => powers.map(({ generator }) => generator));
}

/** Whether all scales and signs of a tensor are known, except those of one generator. */
function isSettled({ settled }: Progress, placed: Placed, except: number | null = null): boolean {
  return generatorsOn(placed).every((generator) => generator === except || settled.has(generator));
}

function isSettleable(progress: Progress, generator: number): boolean {
  const { group, settled, features } = progress;
  const { kind } = group.generators[generator] as Generator;
  const [own] = sitesOf(progress, generator);
  if (!own) return true;
  const others = generatorsOn(own.placed).filter((other) => other !== generator && !settled.has(other));
  const blocking = others.filter((other) => kind === "sign" || group.generators[other]?.kind === "scale");
  return blocking.length === 0 && (kind === "scale" || isReadable(features, own));
}

function settle(progress: Progress, waiting: Set<number>, generator: number): void {
  const { kind } = progress.group.generators[generator] as Generator;
  const sites = sitesOf(progress, generator);
  const ready = sites.filter(
    ({ placed, power }, i) => i === 0 || (power.exponent > 0 && isSettled(progress, placed, generator)),
  );
  const scales = progress.element.scales[generator] as Float64Array;
  const open = new Set(scales.keys());
  measure(progress, generator, { sites: kind === "scale" ? ready : ready.slice(0, 1), open });
  for (const unit of open) scales[unit] = kind === "scale" ? SILENT : 1;
  if (open.size > 0) progress.open.set(generator, open);
  progress.settled.add(generator);
  waiting.delete(generator);
}

// Units into which nothing comes: until everything else has its gauge, what they are read by counts as zero.
const SILENT = 1e150;

/** Gives units into which nothing comes the gauge of what goes out of them. */
function settleSilent(progress: Progress): void {
  for (const [generator, open] of progress.open) {
    const scales = progress.element.scales[generator] as Float64Array;
    for (const unit of open) scales[unit] = 1;
    measure(progress, generator, { sites: sitesOf(progress, generator), open });
  }
}

interface Measurement {
  readonly sites: readonly Measured[];
  /** Units without a gauge; those that get one are taken out. */
  readonly open: Set<number>;
}

function measure(progress: Progress, generator: number, measurement: Measurement): void {
  const { kind } = progress.group.generators[generator] as Generator;
  if (kind === "scale") measureScales(progress, generator, measurement);
  else measureSigns(progress, generator, measurement);
}

function inGauge({ element }: Progress, { layout, tensor }: Placed): Tensor {
  return actOnTensor(layout, element, tensor);
}

/** The scale of each unit from the first of its sites that is not zero; a variance is left for the last that scales it. */
function measureScales(progress: Progress, generator: number, { sites, open }: Measurement): void {
  const scales = progress.element.scales[generator] as Float64Array;
  const isVariance = ({ placed, power }: Measured) => placed.layout.offset > 0 && Math.abs(power.exponent) === 2;
  const isLast = ({ placed }: Measured) => isSettled(progress, placed, generator);
  const last = sitesOf(progress, generator).filter((site) => isVariance(site) && isLast(site));
  for (const site of [...last, ...sites.filter((each) => !isVariance(each))]) {
    if (open.size === 0) break;
    const sizes = isVariance(site) ? variances(progress, site) : norms(progress, site);
    for (const unit of open) {
      const size = sizes[unit] as number;
      if (!(size > 0 && Number.isFinite(size))) continue;
      scales[unit] = rounded(size ** (-1 / site.power.exponent), progress.tolerance);
      open.delete(unit);
    }
  }
}

/** Rounded a little, so that it does not depend on the order in which a norm was summed; 1 where it is nearly 1. */
function rounded(scale: number, tolerance: number): number {
  if (Math.abs(scale - 1) < tolerance) return 1;
  const grain = 2 ** (Math.floor(Math.log2(scale)) + Math.round(Math.log2(tolerance)) - 4);
  return Math.round(scale / grain) * grain;
}

function variances(progress: Progress, site: Measured): Float64Array {
  const { offset } = site.placed.layout;
  return sumsAt(progress, site, { squares: false }).map((variance) => variance + offset);
}

/** The norm of all entries of each unit. */
function norms(progress: Progress, site: Measured): Float64Array {
  return sumsAt(progress, site, { squares: true }).map(Math.sqrt);
}

function sumsAt(progress: Progress, { placed, run, power }: Measured, how: { readonly squares: boolean }) {
  const { layout } = placed;
  return unitSums({ layout, tensor: inGauge(progress, placed) }, { ...run, within: power.within }, how);
}

/** The sign of each unit that makes the first feature positive that is not zero, at the first site that has one. */
function measureSigns(progress: Progress, generator: number, { sites, open }: Measurement): void {
  const signs = progress.element.scales[generator] as Float64Array;
  const source = featureSource(progress.group, progress);
  for (const { placed, run, power } of sites.filter((site) => site.power.exponent % 2 !== 0)) {
    if (open.size === 0) break;
    const tensor = inGauge(progress, placed);
    const target = { ...run, within: power.within };
    const sums = contract({ layout: placed.layout, tensor, featuresOf: source(placed) }, target);
    const zero = sums.reduce((most, x) => Math.max(most, Math.abs(x)), 0) * progress.tolerance;
    for (const unit of open) {
      const own = sums.subarray(unit * FEATURES, (unit + 1) * FEATURES);
      const first = own.find((x) => Math.abs(x) > zero);
      if (first === undefined) continue;
      signs[unit] = Math.sign(first);
      open.delete(unit);
    }
  }
}
