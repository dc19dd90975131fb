import { binomial } from "../counting/index.ts";
import { check } from "../errors.ts";
import {
  type Composition,
  compositionText,
  type HiddenLayer,
  hiddenLayer,
  hiddenLayers,
  isHiddenLayer,
  mostDenseParameters,
  parseComposition,
  type Shares,
  sharesOfAll,
  splitShares,
} from "../landscape/index.ts";
import type { Model, Network } from "../nets/index.ts";
import type { UnitSite } from "../symmetry/index.ts";
import { elementCount, fold, type Tensor } from "../tensor/index.ts";
import { layoutOf } from "../train/index.ts";
import { seedKey } from "./certificate.ts";
import type { Call } from "./command.ts";
import { formatCount } from "./format.ts";
import { numberOf, numbersOf, textOf } from "./values.ts";

/** The layer of that name; without one the only one that there is. */
export function layerOf(call: Call, network: Network): HiddenLayer {
  const which = textOf(call, "layer");
  if (which !== undefined) return hiddenLayer(network, which);
  const layers = hiddenLayers(network).filter(isHiddenLayer);
  check(layers.length === 1, () => ({
    code: "usage",
    where: "--layer",
    message: `is needed: expected one hidden layer, got ${layers.map((layer) => layer.name).join(", ") || "none"}`,
    remedy: "name one of them",
  }));
  return layers[0] as HiddenLayer;
}

/** How wide the layer gets, and which copies its units have. */
export interface Request {
  readonly to: number;
  /** Null for all of this width. */
  readonly compositions: readonly Composition[] | null;
}

/** What `--to` and `--composition` ask for. */
export function requestOf(call: Call, layer: HiddenLayer): Request {
  const compositions = textOf(call, "composition")?.split(";").map(parseComposition) ?? null;
  const width = numberOf(call, "to", { least: layer.size, most: 10_000, whole: true });
  check(width !== undefined || compositions, () => ({
    code: "usage",
    where: "--to",
    message: "is needed",
    remedy: "say how many units the layer shall have, or give a --composition",
  }));
  const to = width ?? sumOf(compositions?.[0]?.copies ?? []);
  for (const composition of compositions ?? []) checkComposition(composition, layer, to);
  return { to, compositions };
}

/** Most replicas, each with all eigenvalues of its Hessian. */
const mostReplicas = 2000;

/** The replicas that are asked for, by the shares of their copies. */
export function replicasOf(call: Call, layer: HiddenLayer, { to, compositions }: Request): readonly Shares[] {
  const shares = numbersOf(call, "shares", {});
  if (shares) return [givenShares(call, shares, compositions ?? [])];
  const splits = numberOf(call, "splits", { least: 1, whole: true }, 4);
  const count = compositions ? BigInt(compositions.length) : binomial(to - 1, layer.size - 1);
  check(count * BigInt(splits) <= mostReplicas, () => ({
    code: "too-large",
    where: "--to",
    message: `expected at most ${mostReplicas} replicas, got ${count > 1e6 ? "millions of" : count} compositions with ${splits} splits each`,
    remedy: "give a --composition, or fewer --splits",
  }));
  const key = fold(seedKey(call), "shares");
  if (!compositions) return [...sharesOfAll([layer.size, to], { splits, key })];
  return compositions.flatMap((composition) => [...splitShares(composition, { splits, key })]);
}

function checkComposition({ copies, zeroGroups }: Composition, { size, name }: HiddenLayer, to: number): void {
  check(copies.length === size && sumOf(copies) === to, () => ({
    code: "bad-option",
    where: "--composition",
    message: `expected copies of the ${size} units of ${name}, ${to} in all, got ${copies.length} and ${sumOf(copies)}`,
  }));
  check(zeroGroups.length === 0 && copies.every((count) => count > 0), () => ({
    code: "bad-option",
    where: "--composition",
    message: `expected one copy of each unit or more and no zero-type groups, got ${compositionText({ copies, zeroGroups })}`,
    remedy: "units that cancel each other leave a point critical at zero loss only; see orbifold expand",
  }));
}

function sumOf(counts: readonly number[]): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

/** The shares of one composition, copies of the first unit first. */
function givenShares({ options }: Call, shares: readonly number[], compositions: readonly Composition[]): Shares {
  check(compositions.length === 1 && options.splits === undefined, () => ({
    code: "usage",
    where: "--shares",
    message: `expected one --composition beside it, got ${options.splits === undefined ? compositions.length : "--splits"}`,
    remedy: "shares are those of one composition, and the only split that is tried",
  }));
  const [{ copies }] = compositions as readonly [Composition];
  check(shares.length === sumOf(copies), () => ({
    code: "bad-option",
    where: "--shares",
    message: `expected a share for each copy, ${sumOf(copies)} in all, got ${shares.length}`,
  }));
  const ends = copies.map((_, i) => sumOf(copies.slice(0, i + 1)));
  return ends.map((end, i) => shares.slice(end - (copies[i] as number), end));
}

/** Throws unless all eigenvalues of the wide network can be had. */
export function checkSize({ network, parameters }: Model, layer: HiddenLayer, to: number): void {
  const entries = ({ tensor }: UnitSite) => elementCount((parameters[tensor] as Tensor).shape) / layer.size;
  const perUnit = [...layer.incoming, ...layer.outgoing].reduce((sum, site) => sum + entries(site), 0);
  const size = layoutOf(network).size + (to - layer.size) * perUnit;
  check(size <= mostDenseParameters, () => ({
    code: "too-large",
    where: "--to",
    message: `expected at most ${formatCount(mostDenseParameters)} parameters, for all eigenvalues of their Hessian, got ${formatCount(size)}`,
    remedy: "lower it, or take a smaller network",
  }));
}
