import { afterAll, describe, expect, it } from "vitest";
import { type Dataset, type ToyActivation, teacherStudent, toyGrid, toyTeacher } from "../../data/index.ts";
import { input } from "../../graph/index.ts";
import { initializeParameters, type Model, mlp, type Parameters } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { canonicalForm, discoverNetwork } from "../../symmetry/index.ts";
import { fold, normal, rngKey, type Tensor, uniform } from "../../tensor/index.ts";
import { curvatureOf, minimize } from "../../train/index.ts";
import { expand } from "../expansion/index.ts";
import { averageLinkage } from "./average-linkage.ts";
import { expandAndCluster } from "./expand-and-cluster.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

describe("average linkage", () => {
  /** The definition: all pairs of clusters, all pairs of members, again and again. */
  function naive(distance: (i: number, j: number) => number, n: number, cut: number): number[][] {
    const clusters = Array.from({ length: n }, (_, i) => [i]);
    for (;;) {
      let best = { i: 0, j: 0, mean: Number.POSITIVE_INFINITY };
      for (const [i, a] of clusters.entries()) {
        for (const [j, b] of clusters.entries()) {
          if (i >= j) continue;
          const all = a.flatMap((x) => b.map((y) => distance(x, y)));
          const mean = all.reduce((sum, x) => sum + x, 0) / all.length;
          if (mean < best.mean) best = { i, j, mean };
        }
      }
      if (best.mean > cut) return clusters.map((each) => each.toSorted((x, y) => x - y));
      const [merged] = clusters.splice(best.j, 1);
      clusters[best.i]?.push(...(merged as number[]));
    }
  }

  it.each([1, 2, 3])("merges the clusters of least mean distance (seed %i)", (seed) => {
    const points = uniform(fold(rngKey(seed), "points"), [60], { dtype: "float64" }).data;
    const n = 30;
    const distance = (i: number, j: number) =>
      Math.hypot(
        (points[2 * i] as number) - (points[2 * j] as number),
        (points[2 * i + 1] as number) - (points[2 * j + 1] as number),
      );
    const distances = Float64Array.from({ length: n * n }, (_, at) => distance(Math.floor(at / n), at % n));
    for (const cut of [0, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 2]) {
      expect(averageLinkage(distances, n, cut)).toEqual(naive(distance, n, cut));
    }
    expect(averageLinkage(distances, n, 0)).toHaveLength(n);
    expect(averageLinkage(distances, n, 2)).toHaveLength(1);
  });
});

async function students(activation: ToyActivation, seeds: readonly number[]): Promise<Model[]> {
  const dataset = teacherStudent({ activation });
  const network = mlp({ input: [2], widths: [7], outputs: 1, activation, bias: false });
  await using curvature = await curvatureOf(network, dataset, { engine });
  const points = seeds.map((seed) =>
    curvature.flatten(initializeParameters(network, fold(rngKey(3), "student", seed), "float64")),
  );
  const found = await minimize(curvature, points, { iterations: 300 });
  return found
    .filter(({ loss }) => loss < 1e-18)
    .map(({ point }) => ({ network, parameters: curvature.unflatten(point) }));
}

async function outputsOn(samples: Tensor, { network, parameters }: Model): Promise<Tensor> {
  const x = input("x", "float64", samples.shape);
  const values = network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)] as const);
  await using program = await engine.compile({ y: network.apply(x, Object.fromEntries(values)).output });
  return (await program.run({ x: samples, ...parameters })).y as Tensor;
}

/** The weights of each unit, sorted; with the signs of tanh taken out. */
function unitsOf(rows: readonly (readonly number[])[], isOdd: boolean): number[][] {
  return rows
    .map((row) => (isOdd && (row[2] as number) < 0 ? row.map((x) => -x) : [...row]))
    .toSorted((a, b) => (a[0] as number) - (b[0] as number));
}

describe("expand and cluster", () => {
  it.each([
    ["g", [0, 1, 2, 3, 4, 5]],
    ["tanh", [0, 1, 2, 3]],
    ["softplus", [5]],
  ] as const)("recovers the teacher from wider students with %s", async (activation, seeds) => {
    const all = await students(activation, seeds);
    expect(all.length).toBeGreaterThan(seeds.length / 2);
    const dataset = teacherStudent({ activation });
    const { model, minimum, layers } = await expandAndCluster(all, dataset, { engine });
    expect(minimum.loss).toBeLessThan(1e-26);
    expect(model.network.description).toMatchObject({ widths: [4] });
    const incoming = (model.parameters["layers.0.weight"] as Tensor<"float64">).data;
    const outgoing = (model.parameters["layers.1.weight"] as Tensor<"float64">).data;
    const found = Array.from(outgoing, (a, i) => [incoming[2 * i] as number, incoming[2 * i + 1] as number, a]);
    const teacher = toyTeacher.incoming.map((w, i) => [...w, toyTeacher.outgoing[i] as number]);
    const isOdd = activation === "tanh";
    for (const [i, unit] of unitsOf(teacher, isOdd).entries()) {
      for (const [k, x] of unit.entries()) expect(unitsOf(found, isOdd)[i]?.[k]).toBeCloseTo(x, 9);
    }
    const kept = layers[0]?.clusters.filter(({ isKept }) => isKept);
    // The single student with softplus keeps its superfluous units until these are reduced.
    expect(kept).toHaveLength(seeds.length === 1 ? 7 : 4);
    expect(kept?.every(({ students: count }) => count >= all.length / 2)).toBe(true);
    expect(layers[0]?.clusters.reduce((sum, { size }) => sum + size, 0)).toBe(7 * all.length);
  });

  it("recovers a teacher with two hidden layers", async () => {
    const network = mlp({ input: [2], widths: [3, 2], outputs: 1, activation: "tanh" });
    const drawn = network.parameters.map(({ name, shape }) => [
      name,
      normal(fold(rngKey(4), name), shape, { dtype: "float64" }),
    ]);
    const teacher: Model = { network, parameters: Object.fromEntries(drawn) };
    const roles = [
      [2, 0, 1, 3, 3, 0],
      [1, 1, 0, 2],
    ] as const;
    const wide = [1, 2, 3].map((seed) =>
      expand(
        teacher,
        roles.map((each, layer) => ({ layer, roles: each, split: "random" as const })),
        { key: rngKey(seed) },
      ),
    );
    const targets = await outputsOn(toyGrid(), teacher);
    const split = { inputs: toyGrid(), targets };
    const dataset: Dataset = { ...teacherStudent(), train: split, test: split };
    const { model, layers, start } = await expandAndCluster(wide, dataset, { engine });
    expect(start).toBeLessThan(1e-26);
    expect(model.network.description).toMatchObject({ widths: [3, 2] });
    expect(layers.map(({ clusters }) => clusters.map(({ size }) => size))).toEqual([
      [6, 3, 3, 2, 2, 2],
      [6, 3, 1, 1, 1],
    ]);
    const { group } = discoverNetwork(network);
    const [found, expected] = [model.parameters, teacher.parameters].map(
      (each) => canonicalForm(group, each).parameters,
    );
    for (const [name, { data }] of Object.entries(expected as Parameters)) {
      for (const [i, x] of (data as Float64Array).entries()) expect(found?.[name]?.data[i]).toBeCloseTo(x, 9);
    }
  });

  it("needs students with units in common", async () => {
    const dataset = teacherStudent();
    await expect(expandAndCluster([], dataset, { engine })).rejects.toThrow(
      "expand and cluster: expected students, got none",
    );
    const network = mlp({ input: [2], widths: [3], outputs: 1, activation: "sigmoid", bias: false });
    const random = Array.from({ length: 5 }, (_, seed) => ({
      network,
      parameters: initializeParameters(network, rngKey(seed), "float64"),
    }));
    await expect(expandAndCluster(random, dataset, { engine, keep: 1, cut: 1e-3 })).rejects.toThrow(
      'layer "layers.0": expected units that 1 of the students have, got none',
    );
  });
});
