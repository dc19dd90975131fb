import { checkExpansion } from "./whole.ts";

/**
 * One affine subspace of the expansion manifold, as the role of each unit: below the minimal width r the neuron of the
 * minimal network that the unit copies; r, r + 1, .. its zero-type group, numbered by their first units.
 */
export type Roles = readonly number[];

/** Every affine subspace of the expansion manifold from the minimal width to the width; there are T of them. */
export function* expansionSubspaces(minimal: number, width: number): Generator<Roles, void> {
  checkExpansion(minimal, width);
  const roles: number[] = [];
  const copies = new Array<number>(minimal).fill(0);
  yield* assign(minimal, minimal);

  function* assign(missing: number, nextGroup: number): Generator<Roles, void> {
    const left = width - roles.length;
    if (left < missing) return;
    if (left === 0) return yield [...roles];
    for (let role = 0; role <= nextGroup; role++) {
      const isFirstCopy = role < minimal && copies[role] === 0;
      roles.push(role);
      if (role < minimal) (copies[role] as number)++;
      yield* assign(missing - (isFirstCopy ? 1 : 0), nextGroup + (role === nextGroup ? 1 : 0));
      if (role < minimal) (copies[role] as number)--;
      roles.pop();
    }
  }
}

/** A digit, or a letter, per unit: the number of the neuron that it copies, counted from 1, or its zero-type group. */
export function rolesLabel(roles: Roles, minimal: number): string {
  const names = roles.map((role) => (role < minimal ? `${role + 1}` : String.fromCodePoint(97 + role - minimal)));
  return names.join(minimal > 9 ? " " : "");
}

/** How many zero-type groups there are among these roles. */
export function zeroGroupCount(roles: Roles, minimal: number): number {
  return Math.max(minimal, ...roles.map((role) => role + 1)) - minimal;
}

/**
 * Whether two subspaces of one expansion manifold meet, for any minimal network with distinct incoming vectors and
 * outgoing weights that are not zero.
 *
 * A point in both has one incoming vector on every set of units that the groups of either chain together, so such a set
 * may hold copies of one neuron at most. Its outgoing weights are a flow between the groups of the first and those of the
 * second; there is one where both demand the same sum, that is where both or neither have a copy in the set.
 */
export function intersect(a: Roles, b: Roles, minimal: number): boolean {
  // Groups of `a` are 0, 1, .., those of `b` follow; every unit joins its two groups.
  const groups = Math.max(...a) + 1;
  const parent = Array.from({ length: groups + Math.max(...b) + 1 }, (_, i) => i);
  const rootOf = (group: number): number => {
    let root = group;
    while (parent[root] !== root) root = parent[root] as number;
    return root;
  };
  for (const [unit, role] of a.entries()) parent[rootOf(role)] = rootOf(groups + (b[unit] as number));
  const roots = Array.from({ length: minimal }, (_, neuron) => rootOf(neuron));
  return new Set(roots).size === minimal && roots.every((root, neuron) => root === rootOf(groups + neuron));
}

/** Which subspaces of an expansion manifold meet. */
export interface ConnectivityGraph {
  readonly vertices: readonly Roles[];
  /** Pairs of vertices whose subspaces meet, the smaller first. */
  readonly edges: readonly (readonly [number, number])[];
  /** For each vertex the number of its connected component. */
  readonly components: readonly number[];
}

/** The graph of the subspaces of an expansion manifold and their meetings, by trying every pair of the T(r, m). */
export function connectivityGraph(minimal: number, width: number): ConnectivityGraph {
  const vertices = [...expansionSubspaces(minimal, width)];
  const edges = vertices.flatMap((a, i) =>
    vertices.flatMap((b, j) => (i < j && intersect(a, b, minimal) ? [[i, j] as const] : [])),
  );
  return { vertices, edges, components: componentsOf(vertices.length, edges) };
}

function componentsOf(count: number, edges: ConnectivityGraph["edges"]): number[] {
  const neighbours = Array.from({ length: count }, (): number[] => []);
  for (const [a, b] of edges) {
    neighbours[a]?.push(b);
    neighbours[b]?.push(a);
  }
  const components = new Array<number>(count).fill(-1);
  let found = 0;
  for (let start = 0; start < count; start++) {
    if (components[start] !== -1) continue;
    const reached = [start];
    components[start] = found;
    for (const vertex of reached) {
      for (const next of neighbours[vertex] as number[]) {
        if (components[next] === -1) {
          components[next] = found;
          reached.push(next);
        }
      }
    }
    found++;
  }
  return components;
}
