import type { Roles } from "../../counting/index.ts";
import type { Dataset } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import { initializeParameters, type Model, type Network } from "../../nets/index.ts";
import { fold, type RngKey, rngKey, type Shape } from "../../tensor/index.ts";
import { type CriticalPoint, curvatureOf, hasSettled, minimize } from "../../train/index.ts";
import { expand, type HiddenLayer, hiddenLayer, resizedNetwork, resizedShape } from "../expansion/index.ts";

/** How many pairs of units of a layer are merged. */
export interface PairedLayer {
  readonly layer: string | number;
  readonly pairs: number;
}

/** All ways in which the units of a layer can be those of a narrower one, K of which have one copy each. */
export function* pairedRoles(minimal: number, pairs: number): Generator<Roles, void> {
  const width = minimal + pairs;
  const roles: number[] = [];
  const counts = new Array<number>(minimal).fill(0);
  yield* assign(pairs);

  function* assign(left: number): Generator<Roles, void> {
    if (roles.length === width) return yield [...roles];
    for (let role = 0; role < minimal; role++) {
      const count = counts[role] as number;
      if (count === 2 || (count === 1 && left === 0)) continue;
      roles.push(role);
      counts[role] = count + 1;
      yield* assign(left - count);
      counts[role] = count;
      roles.pop();
    }
  }
}

/**
 * The permutation points that one critical point of a narrower network gives rise to: K of its units are pairs that share
 * the outgoing weights evenly, in every numbering of the units of the layers named (Brea 2019, arXiv 1907.02911).
 */
export function* permutationPoints(reduced: Model, layers: readonly PairedLayer[]): Generator<Model, void> {
  const [first, ...others] = layers;
  if (!first) return yield reduced;
  const { name, size } = hiddenLayer(reduced.network, first.layer);
  check(Number.isInteger(first.pairs) && first.pairs >= 0 && first.pairs <= size, () => ({
    code: "bad-count",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected at most ${size} pairs, as many as it has units, got ${first.pairs}`,
  }));
  for (const roles of pairedRoles(size, first.pairs)) {
    // Copies alone draw nothing at random.
    yield* permutationPoints(expand(reduced, [{ layer: name, roles }], { key: rngKey(0) }), others);
  }
}

/** The network with as many units fewer as there are pairs. */
export function reducedNetwork(network: Network, layers: readonly PairedLayer[]): Network {
  return layers.reduce((narrow, { layer, pairs }) => withWidth(narrow, hiddenLayer(narrow, layer), pairs), network);
}

function withWidth(network: Network, { name, size, incoming, outgoing }: HiddenLayer, fewer: number): Network {
  check(Number.isInteger(fewer) && fewer >= 0 && 2 * fewer <= size, () => ({
    code: "bad-count",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected at most ${Math.floor(size / 2)} pairs among ${size} units, got ${fewer}`,
  }));
  const shapes = new Map(network.parameters.map((spec) => [spec.name, spec.shape]));
  const resized = [...incoming, ...outgoing].map((site) => [
    site.tensor,
    resizedShape(site, shapes.get(site.tensor) as Shape, size - fewer),
  ]);
  return resizedNetwork(network, Object.fromEntries(resized));
}

/** A minimum of a network, and what is known of it. */
export interface FoundMinimum {
  readonly model: Model;
  readonly point: CriticalPoint;
}

/** The lowest minimum that Newton's method finds from some random starts. */
export async function lowestMinimum(
  network: Network,
  dataset: Dataset,
  options: { readonly key: RngKey; readonly starts?: number; readonly engine: Engine; readonly signal?: AbortSignal },
): Promise<FoundMinimum> {
  const { key, starts = 8, engine, signal } = options;
  await using curvature = await curvatureOf(network, dataset, { engine });
  const drawn = Array.from({ length: starts }, (_, start) =>
    initializeParameters(network, fold(key, "start", start), "float64"),
  );
  const found = await minimize(
    curvature,
    drawn.map((parameters) => curvature.flatten(parameters)),
    signal && { signal },
  );
  const [point] = found
    .filter((minimum) => hasSettled(minimum) && minimum.index.negative === 0)
    .toSorted((a, b) => a.loss - b.loss);
  check(point, () => ({
    code: "not-converged",
    where: network.description.net,
    message: `expected a minimum from ${starts} starts, got none`,
    remedy: "try more starts",
  }));
  return { model: { network, parameters: curvature.unflatten(point.point) }, point };
}
