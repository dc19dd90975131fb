import {
  type ConnectivityGraph,
  connectivityGraph,
  expansionCount,
  type Roles,
  rolesLabel,
  zeroGroupCount,
} from "../../counting/index.ts";
import { check } from "../../errors.ts";
import { graphDrawing } from "../../figures/index.ts";
import type { Call, Outcome } from "../command.ts";
import { formatCount, table } from "../format.ts";
import { textOf } from "../values.ts";
import { drawTo, requiredNumber, type Topic } from "./topic.ts";

/** Which subspaces of an expansion manifold meet. */
export const graph: Topic = { takes: ["r", "m", "out", "force"], run };

const mostVertices = 2000;
const mostDrawn = 400;

interface Sizes {
  readonly minimal: number;
  readonly width: number;
}

interface Vertex {
  readonly roles: Roles;
  readonly label: string;
  readonly zeroGroups: number;
  readonly degree: number;
  readonly component: number;
}

async function run(call: Call): Promise<Outcome> {
  const sizes = sizesOf(call);
  const found = connectivityGraph(sizes.minimal, sizes.width);
  const vertices = verticesOf(found, sizes);
  const components = Math.max(...found.components) + 1;
  const figure = await drawTo(call, () => drawConnectivity(sizes, found));
  return {
    json: { r: sizes.minimal, m: sizes.width, vertices, edges: found.edges, components, figure },
    text: [
      `${title(sizes, vertices)} with ${counted(found.edges.length, "meeting")}`,
      "",
      ...table(["zero-type groups", "subspaces", "meetings of each"], rowsOf(vertices)),
      "",
      components === 1 ? "The manifold is connected." : `The manifold has ${formatCount(components)} components.`,
    ],
  };
}

function sizesOf(call: Call): Sizes {
  // Beyond a dozen units there are too many subspaces whatever the minimal width is.
  const range = { least: 1, most: 12, whole: true };
  const minimal = requiredNumber(call, "r", range, "give the width of the minimal network, such as 2");
  const width = requiredNumber(call, "m", range, "give the width of the expanded network, such as 3");
  check(minimal <= width, () => ({
    code: "bad-option",
    where: "--m",
    message: `expected at least --r ${minimal}, got ${width}`,
  }));
  const most = textOf(call, "out") === undefined ? mostVertices : mostDrawn;
  const count = expansionCount(minimal, width);
  check(count <= most, () => ({
    code: "too-large",
    where: "count graph",
    message: `expected at most ${most} subspaces${most === mostDrawn ? " in a figure" : ""}, got ${count}`,
    remedy: "lower --m",
  }));
  return { minimal, width };
}

function verticesOf({ vertices, edges, components }: ConnectivityGraph, { minimal }: Sizes): readonly Vertex[] {
  const degrees = vertices.map(() => 0);
  for (const vertex of edges.flat()) (degrees[vertex] as number)++;
  return vertices.map((roles, i) => ({
    roles,
    label: rolesLabel(roles, minimal),
    zeroGroups: zeroGroupCount(roles, minimal),
    degree: degrees[i] as number,
    component: components[i] as number,
  }));
}

function rowsOf(vertices: readonly Vertex[]): string[][] {
  const kinds = Map.groupBy(vertices, ({ zeroGroups }) => zeroGroups);
  return [...kinds]
    .sort(([a], [b]) => a - b)
    .map(([zeroGroups, members]) => {
      const degrees = members.map(({ degree }) => degree);
      const [low, high] = [Math.min(...degrees), Math.max(...degrees)];
      return [String(zeroGroups), String(members.length), low === high ? String(low) : `${low} to ${high}`];
    });
}

function title({ minimal, width }: Sizes, { length }: readonly Vertex[]): string {
  return `${counted(length, "subspace")} of ${counted(minimal, "neuron")} in ${counted(width, "unit")}`;
}

function counted(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** The graph as a figure, its vertices by the number of their zero-type groups. */
export function drawConnectivity(sizes: Sizes, graph: ConnectivityGraph): string {
  const { edges, components } = graph;
  const vertices = verticesOf(graph, sizes);
  const kinds = Array.from({ length: sizes.width - sizes.minimal + 1 }, (_, j) =>
    j === 0 ? "copies of neurons only" : counted(j, "zero-type group"),
  );
  return graphDrawing({
    title: title(sizes, vertices),
    vertices: vertices.map(({ label, zeroGroups }) => ({ label, kind: zeroGroups })),
    edges,
    components,
    kinds,
    labels: "labels: for each unit its neuron (1, 2, ..) or zero-type group (a)",
  });
}
