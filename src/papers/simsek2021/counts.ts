import {
  bellNumbers,
  binomial,
  connectivityGraph,
  criticalCount,
  crossing,
  expansionCount,
  expansionSubspaces,
  factorial,
  type Roles,
  ratioCurve,
  rolesLabel,
  zeroGroupCount,
} from "../../counting/index.ts";
import { graphDrawing, lineChart } from "../../figures/index.ts";
import { agree, judged } from "../claims.ts";
import type { Claim, Figure, Study } from "../paper.ts";

type Sizes = { readonly minimal: number; readonly width: number };

interface Enumeration {
  readonly subspaces: number;
  /** Of these the ones without zero-type groups. */
  readonly copiesOnly: number;
  /** Which subspaces meet; null where there are too many pairs to try. */
  readonly graph: { readonly edges: number; readonly components: number; readonly degrees: readonly number[] } | null;
}

const mostPairsTried = 500;

/** Minimal widths with the largest width whose subspaces are listed. */
const listed = [
  [1, 7],
  [2, 7],
  [3, 7],
  [4, 6],
] as const;

/** T and G against the list of all subspaces, and which of these meet. */
export const counts: Study<Sizes, Enumeration> = {
  name: "counts",
  tasks: () =>
    listed.flatMap(([minimal, most]) =>
      Array.from({ length: most - minimal + 1 }, (_, h) => ({ minimal, width: minimal + h })),
    ),
  run: async (sizes) => enumerated(sizes),
  conclude: ({ outcomes }) => {
    const found = outcomes.map(({ task, result }) => ({ ...task, ...result }));
    return {
      claims: [...countClaims(found), ...connectivityClaims(found), ...ratioClaims()],
      figures: [connectivityFigure(2), connectivityFigure(3), ratioFigure()],
    };
  },
};

function enumerated({ minimal, width }: Sizes): Enumeration {
  let [subspaces, copiesOnly] = [0, 0];
  for (const roles of expansionSubspaces(minimal, width)) {
    subspaces++;
    if (zeroGroupCount(roles, minimal) === 0) copiesOnly++;
  }
  if (subspaces > mostPairsTried) return { subspaces, copiesOnly, graph: null };
  const { vertices, edges, components } = connectivityGraph(minimal, width);
  const degrees = vertices.map((_, vertex) => edges.filter((edge) => edge.includes(vertex)).length);
  return { subspaces, copiesOnly, graph: { edges: edges.length, components: Math.max(...components) + 1, degrees } };
}

type Found = Sizes & Enumeration;

/** T by the sum over the neurons that belong to zero-type groups. */
function expansionBySum({ minimal, width }: Sizes): bigint {
  const bell = bellNumbers(width - minimal);
  return bell.reduce(
    (sum, partitions, u) => sum + binomial(width, u) * criticalCount(minimal, width - u) * partitions,
    0n,
  );
}

function countClaims(found: readonly Found[]): Claim[] {
  const all = `all ${found.length}`;
  const right = (isRight: (each: Found) => boolean) => {
    const count = found.filter(isRight).length;
    return [count === found.length ? all : `${count} of ${found.length}`, count === found.length] as const;
  };
  const sizes = "for r = 1, 2, 3 up to m = 7 and r = 4 up to m = 6";
  return [
    judged(
      {
        id: "expansion-count",
        claim: `T(r, m), the number of affine subspaces of the global minima, by the published sum, by its closed form, and by listing all of them ${sizes}`,
        published: "equal",
        command: "orbifold count expansion --r 4 --m 6",
      },
      ...right((each) => {
        const value = BigInt(each.subspaces);
        return value === expansionCount(each.minimal, each.width) && value === expansionBySum(each);
      }),
    ),
    judged(
      {
        id: "critical-count",
        claim: `G(r, m) = sum over i of (-1)^(r-i) C(r, i) i^m, the number of subspaces of symmetry-induced critical points, against the list ${sizes}`,
        published: "equal",
        command: "orbifold count expansion --r 4 --m 6",
      },
      ...right(({ minimal, width, copiesOnly }) => {
        const signed = Array.from({ length: minimal + 1 }, (_, i) => {
          const term = binomial(minimal, i) * BigInt(i) ** BigInt(width);
          return (minimal - i) % 2 === 0 ? term : -term;
        });
        return (
          BigInt(copiesOnly) === signed.reduce((a, b) => a + b) && BigInt(copiesOnly) === criticalCount(minimal, width)
        );
      }),
    ),
  ];
}

function connectivityClaims(found: readonly Found[]): Claim[] {
  const graphs = found.flatMap(({ graph, ...sizes }) => (graph ? [{ ...sizes, ...graph }] : []));
  const exact = graphs.filter(({ minimal, width }) => width === minimal);
  const wider = graphs.filter(({ minimal, width }) => width > minimal);
  return [
    judged(
      {
        id: "isolated",
        claim: "Without an extra neuron the r! copies of the minimum are isolated points (r = 1 to 4)",
        published: "1, 2, 6, 24",
        origin: "formula",
      },
      exact.map(({ components }) => components).join(", "),
      exact.every(({ minimal, edges, components }) => edges === 0 && BigInt(components) === factorial(minimal)),
    ),
    judged(
      {
        id: "connected",
        claim: `One extra neuron connects all of them to a single manifold; components in the ${wider.length} cases with up to ${mostPairsTried} subspaces`,
        published: 1,
        command: "orbifold count graph --r 3 --m 4",
      },
      Math.max(...wider.map(({ components }) => components)),
      wider.every(({ components }) => components === 1),
    ),
    ...shapes.map(({ minimal, name, edges, degrees }) => shapeClaim(graphs, { minimal, name, edges, degrees })),
  ];
}

/** The graphs for one extra neuron: edges, and how many vertices have each degree. */
const shapes = [
  { minimal: 1, name: "a path of 3 vertices", edges: 2, degrees: { 1: 2, 2: 1 } },
  { minimal: 2, name: "a cycle of 12 vertices", edges: 12, degrees: { 2: 12 } },
  { minimal: 3, name: "60 vertices, 72 edges", edges: 72, degrees: { 2: 36, 3: 24 } },
] as const;

function shapeClaim(
  graphs: readonly (Sizes & NonNullable<Enumeration["graph"]>)[],
  shape: Omit<(typeof shapes)[number], "degrees"> & { readonly degrees: object },
): Claim {
  const { minimal, name, edges } = shape;
  const graph = graphs.find((each) => each.minimal === minimal && each.width === minimal + 1);
  const tally = Object.fromEntries(
    Array.from(
      Map.groupBy(graph?.degrees ?? [], (degree) => degree),
      ([degree, all]) => [degree, all.length],
    ),
  );
  return judged(
    {
      id: `graph-${minimal}`,
      claim: `Which subspaces meet for a minimal network of ${minimal} ${minimal === 1 ? "neuron" : "neurons"} and one extra neuron`,
      published: name,
      command: `orbifold count graph --r ${minimal} --m ${minimal + 1}`,
    },
    `${graph?.degrees.length} vertices, ${graph?.edges} edges, ${graph?.components} component`,
    graph?.edges === edges && graph.components === 1 && JSON.stringify(tally) === JSON.stringify(shape.degrees),
  );
}

/** Smallest h with G(r* - 1, r* + h) < T(r*, r* + h). */
const crossings = { 3: 1, 5: 1, 8: 2, 10: 2, 15: 4, 20: 5, 40: 10 } as const;

function ratioClaims(): Claim[] {
  const mild = [10, 20, 40, 80, 160, 320].map((minimal) => {
    const [, point] = ratioCurve(minimal, { fewer: 1, most: 1 });
    return point as NonNullable<typeof point>;
  });
  const last = mild.at(-1) as (typeof mild)[number];
  const vast = ratioCurve(5, { fewer: 1, most: 60 });
  const found = Object.fromEntries(Object.keys(crossings).map((minimal) => [minimal, crossing(Number(minimal), 1)]));
  const text = (table: object) =>
    Object.entries(table)
      .map(([minimal, h]) => `${minimal}: ${h}`)
      .join(", ");
  return [
    judged(
      {
        id: "mild",
        claim:
          "Mildly overparameterised networks have more critical subspaces than subspaces of minima: G(r-1, r+1) / T(r, r+1) grows without bound, as r/4. Its value for r = 320",
        published: 80,
        origin: "formula",
        method: "pass within 2 %, growing through r = 10, 20, .. 320",
        command: "orbifold count ratio --r 320 --k 1 --h 0..4",
      },
      last.ratio,
      agree(last.ratio, last.asymptotic, 0.02) && mild.every(({ ratio }, i) => ratio > (mild[i - 1]?.ratio ?? 0)),
    ),
    judged(
      {
        id: "vast",
        claim:
          "In vastly overparameterised ones the minima win: G(4, 5+h) / T(5, 5+h) falls to 0. Its value for h = 60",
        published: "towards 0",
        command: "orbifold count ratio --r 5 --k 1 --h 0..60",
      },
      vast.at(-1)?.ratio as number,
      vast.every(({ ratio }, i) => i === 0 || ratio < (vast[i - 1]?.ratio as number)) &&
        (vast.at(-1)?.ratio as number) < 1e-10,
    ),
    judged(
      {
        id: "crossing",
        claim:
          "The fewest extra neurons h from which on there are more subspaces of minima, for r = 3, 5, 8, 10, 15, 20, 40",
        published: text(crossings),
        origin: "formula",
        command: "orbifold count ratio --r 40 --k 1 --h 0..12",
      },
      text(found),
      text(found) === text(crossings),
    ),
  ];
}

function connectivityFigure(minimal: number): Figure {
  const { vertices, edges, components } = connectivityGraph(minimal, minimal + 1);
  const kindOf = (roles: Roles) => zeroGroupCount(roles, minimal);
  const label = (roles: Roles) => rolesLabel(roles, minimal);
  const title = `${vertices.length} subspaces of ${minimal} neurons in ${minimal + 1}`;
  return {
    id: `connectivity-${minimal}`,
    title,
    caption: "Each dot is an affine subspace of global minima; lines join those that meet.",
    svg: graphDrawing({
      title,
      vertices: vertices.map((roles) => ({ label: label(roles), kind: kindOf(roles) })),
      edges,
      components,
      kinds: ["copies of neurons only", "a zero-type group"],
      labels: "labels: for each unit its neuron (1, 2, ..) or zero-type group (a)",
    }),
    data: {
      columns: ["subspace", "zero-type groups", "meets"],
      rows: vertices.map((roles, i) => [
        label(roles),
        kindOf(roles),
        edges
          .filter((edge) => edge.includes(i))
          .map(([a, b]) => label(vertices[a === i ? b : a] as Roles))
          .join(" "),
      ]),
    },
    command: `orbifold count graph --r ${minimal} --m ${minimal + 1} -o connectivity-${minimal}.svg`,
  };
}

function ratioFigure(): Figure {
  const [widths, most] = [[5, 10, 20, 40], 16];
  const curves = widths.map((minimal) => ({ minimal, points: ratioCurve(minimal, { fewer: 1, most }) }));
  const title = "Saddles for each global minimum";
  return {
    id: "ratio",
    title,
    caption:
      "G(r-1, r+h) / T(r, r+h). Above 1 there are more subspaces of symmetry-induced critical points than of global minima.",
    svg: lineChart({
      title,
      x: "extra neurons h",
      y: "G(r-1, r+h) / T(r, r+h)",
      logarithmic: true,
      series: curves.map(({ minimal, points }) => ({
        name: `r = ${minimal}`,
        points: points.map(({ extra, log10Ratio }) => [extra, log10Ratio] as const),
      })),
    }),
    data: {
      columns: ["h", ...widths.map((minimal) => `ratio, r = ${minimal}`)],
      rows: Array.from({ length: most + 1 }, (_, h) => [h, ...curves.map(({ points }) => points[h]?.ratio as number)]),
    },
  };
}
