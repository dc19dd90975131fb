import type { Dataset } from "../../data/index.ts";
import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import type { Model, Parameters } from "../../nets/index.ts";
import { elementCount, norm, type Shape, type Tensor, tensor } from "../../tensor/index.ts";
import { type CriticalPoint, curvatureOf, minimize, type Slope } from "../../train/index.ts";
import {
  type HiddenLayer,
  hiddenLayer,
  hiddenLayers,
  inFloat64,
  isHiddenLayer,
  type Rows,
  reduce,
  resizedNetwork,
  resizedShape,
  rowsAt,
  withRows,
} from "../expansion/index.ts";
import { distanceBetween } from "../vectors.ts";
import { averageLinkage } from "./average-linkage.ts";
import { incomingRows, incomingVectors } from "./unit-vectors.ts";

export interface ExpandAndClusterOptions {
  readonly engine: Engine;
  /** Clusters with units of fewer than this fraction of the students are dropped; defaults to 0.5. */
  readonly keep?: number;
  /** Mean distance up to which clusters are merged, relative to the longer incoming vector; defaults to 0.1. */
  readonly cut?: number;
  readonly signal?: AbortSignal;
}

/** Units of several students that are the same. */
export interface UnitCluster {
  readonly size: number;
  /** In how many students there are such units. */
  readonly students: number;
  readonly isKept: boolean;
}

/** The network that overparameterised students have in common. */
export interface RecoveredTeacher {
  readonly model: Model;
  /** The clusters of each layer, the largest first. */
  readonly layers: readonly { readonly layer: string; readonly clusters: readonly UnitCluster[] }[];
  /** Of the clusters' means, before all weights were trained again. */
  readonly start: number;
  readonly minimum: CriticalPoint;
}

/**
 * Expand-and-Cluster (Martinelli 2023, arXiv 2304.12794): recovers a teacher from students that are wider and fit it. In
 * layer after layer, units of all students with like incoming weights and biases are clustered, up to the sign where the
 * activation is odd; clusters found in enough students become units, their outgoing weights summed within a student. The
 * mean over the students is then trained again, and once more without the units that turn out to be superfluous.
 */
export async function expandAndCluster(
  students: readonly Model[],
  dataset: Dataset,
  options: ExpandAndClusterOptions,
): Promise<RecoveredTeacher> {
  const { engine, keep = 0.5, cut = 0.1, signal } = options;
  const [first] = students;
  check(first, () => ({ code: "no-models", where: "expand and cluster", message: "expected students, got none" }));
  const names = hiddenLayers(first.network)
    .filter(isHiddenLayer)
    .map(({ name }) => name);
  let models = students.map(({ network, parameters }) => ({ network, parameters: inFloat64(parameters) }));
  const layers: RecoveredTeacher["layers"][number][] = [];
  for (const name of names) {
    const { clusters, narrow } = clusteredLayer(models, name, { keep, cut });
    layers.push({ layer: name, clusters });
    models = [...narrow];
  }
  const { network } = models[0] as Model;
  const mean = { network, parameters: meanOf(models.map(({ parameters }) => parameters)) };
  const found = await trained(mean, dataset, { engine, signal });
  const core = await reduce(found.model);
  const isSmaller = core.layers.some(({ before, copies }) => copies.length < before);
  const { model, minimum } = isSmaller ? await trained(core, dataset, { engine, signal }) : found;
  return { model, layers, start: found.start, minimum };
}

async function trained(
  { network, parameters }: Model,
  dataset: Dataset,
  { engine, signal }: { readonly engine: Engine; readonly signal: AbortSignal | undefined },
): Promise<Pick<RecoveredTeacher, "model" | "start" | "minimum">> {
  await using curvature = await curvatureOf(network, dataset, { engine });
  const start = curvature.flatten(parameters);
  const [slope] = (await curvature.slopes([start])) as [Slope];
  const [minimum] = (await minimize(curvature, [start], signal && { signal })) as [CriticalPoint];
  return { model: { network, parameters: curvature.unflatten(minimum.point) }, start: slope.loss, minimum };
}

interface ClusteredLayer {
  readonly clusters: readonly UnitCluster[];
  /** The students, each with one unit for each cluster that is kept. */
  readonly narrow: readonly Model[];
}

/** A unit of a student. */
interface Unit {
  readonly student: number;
  readonly unit: number;
  readonly vector: Float64Array;
}

function clusteredLayer(
  models: readonly Model[],
  name: string,
  { keep, cut }: { readonly keep: number; readonly cut: number },
): ClusteredLayer {
  const layers = models.map(({ network }) => hiddenLayer(network, name));
  const units = models.flatMap(({ parameters }, student) =>
    incomingVectors(layers[student] as HiddenLayer, parameters).map(
      (vector, unit): Unit => ({ student, unit, vector }),
    ),
  );
  const isOdd = layers[0]?.generators.some(({ kind }) => kind === "sign") ?? false;
  const found = averageLinkage(distancesBetween(units, isOdd), units.length, cut)
    .map((places) => places.map((place) => units[place] as Unit))
    .toSorted((a, b) => b.length - a.length);
  const clusters = found.map((members) => {
    const { size } = new Set(members.map(({ student }) => student));
    return { size: members.length, students: size, isKept: size >= keep * models.length };
  });
  const kept = found.filter((_, i) => clusters[i]?.isKept);
  check(kept.length > 0, () => ({
    code: "no-clusters",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected units that ${keep} of the students have, got none`,
    remedy: "train the students to a lower loss, or keep smaller clusters",
  }));
  const merged = kept.map((members) => mergedUnit(members, isOdd));
  const narrow = models.map((model, student) => narrowed(model, layers[student] as HiddenLayer, { merged, student }));
  return { clusters, narrow };
}

/** |u - v|, or |u + v| where that is less and signs do not count, relative to the longer of both. */
function distancesBetween(units: readonly Unit[], isOdd: boolean): Float64Array {
  const n = units.length;
  const lengths = units.map(({ vector }) => norm(vector));
  const distances = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < i; j++) {
      const [u, v] = [units[i]?.vector, units[j]?.vector] as [Float64Array, Float64Array];
      const apart = isOdd ? Math.min(distanceBetween(u, v), distanceBetween(u, v, -1)) : distanceBetween(u, v);
      const longer = Math.max(lengths[i] as number, lengths[j] as number);
      distances[i * n + j] = longer === 0 ? 0 : apart / longer;
      distances[j * n + i] = distances[i * n + j] as number;
    }
  }
  return distances;
}

interface MergedUnit {
  readonly vector: Float64Array;
  readonly members: readonly (Unit & { readonly sign: 1 | -1 })[];
}

/** The mean of a cluster, its members turned to the side of the first. */
function mergedUnit(cluster: readonly Unit[], isOdd: boolean): MergedUnit {
  const [{ vector: reference }] = cluster as readonly [Unit];
  const members = cluster.map((unit) => {
    const isOpposite = isOdd && distanceBetween(unit.vector, reference, -1) < distanceBetween(unit.vector, reference);
    return { ...unit, sign: isOpposite ? (-1 as const) : (1 as const) };
  });
  const vector = reference.map(
    (_, i) => members.reduce((sum, { vector: each, sign }) => sum + sign * (each[i] as number), 0) / members.length,
  );
  return { vector, members };
}

/** A student with the merged units in place of its own, those that it lacks without outgoing weights. */
function narrowed(
  { network, parameters }: Model,
  layer: HiddenLayer,
  { merged, student }: { readonly merged: readonly MergedUnit[]; readonly student: number },
): Model {
  const vectors = merged.map(({ vector }) => vector);
  const sites = [
    ...incomingRows(layer, parameters, vectors),
    ...layer.outgoing.map((site) => {
      const rows = rowsAt(site, parameters[site.tensor] as Tensor);
      return {
        site,
        rows: merged.map(({ members }) =>
          summed(
            rows,
            members.filter((each) => each.student === student),
          ),
        ),
      };
    }),
  ];
  const shapes = sites.map(({ site }): [string, Shape] => [
    site.tensor,
    resizedShape(site, (parameters[site.tensor] as Tensor).shape, merged.length),
  ]);
  return {
    network: resizedNetwork(network, Object.fromEntries(shapes)),
    parameters: withRows(parameters, sites),
  };
}

function summed(rows: Rows, members: MergedUnit["members"]): Float64Array {
  const sum = new Float64Array(rows[0]?.length ?? 0);
  return sum.map((_, i) => members.reduce((total, { unit, sign }) => total + sign * (rows[unit]?.[i] as number), 0));
}

function meanOf(all: readonly Parameters[]): Parameters {
  const [first] = all as readonly [Parameters];
  return Object.fromEntries(
    Object.entries(first).map(([name, { shape }]) => {
      const data = new Float64Array(elementCount(shape)).map(
        (_, i) => all.reduce((sum, each) => sum + ((each[name] as Tensor).data[i] as number), 0) / all.length,
      );
      return [name, tensor("float64", shape, data)];
    }),
  );
}
