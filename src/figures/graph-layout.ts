import { fold, rngKey, toNumbers, uniform } from "../tensor/index.ts";

/** Vertices counted from 0, who is joined to whom, and the component of each vertex. */
export interface GraphShape {
  readonly edges: readonly (readonly [number, number])[];
  readonly components: readonly number[];
}

/** A place in the plane. */
export type Place = readonly [x: number, y: number];

const sweeps = 200;

/**
 * Places for the vertices of a graph such that neighbours are about 1 apart: each component by stress majorisation
 * (Gansner, Koren and North 2004), which makes distances in the plane those in the graph, the components in rows.
 * The same graph has the same places.
 */
export function layOut({ edges, components }: GraphShape): Place[] {
  const neighbours = components.map((): number[] => []);
  for (const [a, b] of edges) {
    neighbours[a]?.push(b);
    neighbours[b]?.push(a);
  }
  const places = new Array<Place>(components.length);
  const members = [...Map.groupBy(components.keys(), (vertex) => components[vertex]).values()];
  const blocks = members.map((vertices) => block(vertices, neighbours));
  const side = Math.max(...blocks.map(({ size }) => size)) + 1;
  const columns = Math.ceil(Math.sqrt(blocks.length));
  for (const [i, { vertices, local }] of blocks.entries()) {
    const [left, top] = [(i % columns) * side, Math.floor(i / columns) * side];
    for (const [j, vertex] of vertices.entries()) {
      const [x, y] = local[j] as Place;
      places[vertex] = [left + x, top + y];
    }
  }
  return places;
}

/** Steps to every vertex that can be reached, nearest first. */
function distancesFrom(start: number, neighbours: readonly (readonly number[])[]): Map<number, number> {
  const distances = new Map([[start, 0]]);
  for (const [vertex, distance] of distances) {
    for (const next of neighbours[vertex] as readonly number[]) {
      if (!distances.has(next)) distances.set(next, distance + 1);
    }
  }
  return distances;
}

/** One component, laid out around the origin of its own square. */
function block(vertices: readonly number[], neighbours: readonly (readonly number[])[]) {
  const distances = vertices.map((vertex) => {
    const found = distancesFrom(vertex, neighbours);
    return vertices.map((other) => found.get(other) as number);
  });
  const local = majorised(distances);
  return { vertices, local, size: 2 * Math.max(...local.flat().map(Math.abs)) };
}

/** Moves each vertex in turn to where the others, pulling with weight 1 / d^2 at distance d, want it. */
function majorised(distances: readonly (readonly number[])[]): Place[] {
  const places = firstPlaces(distances.length);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (const [i, row] of distances.entries()) places[i] = wanted(i, row, places);
  }
  return levelled(places);
}

/** Moves the centre to the origin and turns the longest extent level. */
function levelled(places: readonly Place[]): Place[] {
  const [centreX, centreY] = [meanOf(places, ([x]) => x), meanOf(places, ([, y]) => y)];
  const centred = places.map(([x, y]): Place => [x - centreX, y - centreY]);
  const slant = 2 * meanOf(centred, ([x, y]) => x * y);
  const angle =
    Math.atan2(
      slant,
      meanOf(centred, ([x, y]) => x * x - y * y),
    ) / 2;
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  return centred.map(([x, y]) => [cos * x + sin * y, cos * y - sin * x]);
}

function meanOf(places: readonly Place[], value: (place: Place) => number): number {
  return places.reduce((sum, place) => sum + value(place), 0) / places.length;
}

function wanted(i: number, distances: readonly number[], places: readonly Place[]): Place {
  const [x, y] = places[i] as Place;
  let [sumX, sumY, weights] = [0, 0, 0];
  for (const [j, distance] of distances.entries()) {
    if (j === i) continue;
    const [otherX, otherY] = places[j] as Place;
    const apart = Math.hypot(x - otherX, y - otherY) || 1;
    const weight = 1 / distance ** 2;
    sumX += weight * (otherX + (distance * (x - otherX)) / apart);
    sumY += weight * (otherY + (distance * (y - otherY)) / apart);
    weights += weight;
  }
  return weights === 0 ? [x, y] : [sumX / weights, sumY / weights];
}

function firstPlaces(count: number): Place[] {
  const key = fold(rngKey(0), "graph layout");
  const coordinates = toNumbers(uniform(key, [count, 2]));
  return Array.from({ length: count }, (_, i) => [coordinates[2 * i] as number, coordinates[2 * i + 1] as number]);
}
