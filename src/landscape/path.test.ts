import { describe, expect, it } from "vitest";
import { defineNetwork, initializeParameters, lenet, mlp, type Parameters } from "../nets/index.ts";
import { act, discoverNetwork, randomElement } from "../symmetry/index.ts";
import { convert, fromNumbers, normal, rngKey, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { distances, geodesicPath, linearPath, onSpheres, spheresOf, withHeadOnSphere } from "./index.ts";

/** Rounding of float64 sums over a few entries. */
const tolerance = 1e-13;

const network = mlp({ input: 4, widths: [3, 5], outputs: 2 });
const discovery = discoverNetwork(network);
const spheres = spheresOf(discovery);

function drawn(seed: number): Parameters {
  const parameters = initializeParameters(network, rngKey(seed), "float64");
  const bias = normal(rngKey(seed + 100), [3], { dtype: "float64" });
  return { ...parameters, "layers.0.bias": bias };
}

const [a, b] = [onSpheres(discovery.group, drawn(1)), onSpheres(discovery.group, drawn(2))];

function numbers(parameters: Parameters, name: string): number[] {
  return Array.from(toNumbers(parameters[name] as Tensor));
}

function rows(parameters: Parameters, name: string): number[][] {
  const width = (parameters[name] as Tensor).shape.slice(1).reduce((product, size) => product * size, 1);
  const all = numbers(parameters, name);
  return Array.from({ length: all.length / width }, (_, row) => all.slice(row * width, (row + 1) * width));
}

const dot = (x: readonly number[], y: readonly number[]) =>
  x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
const norm = (x: readonly number[]) => Math.sqrt(dot(x, x));

function expectClose(got: readonly number[], expected: readonly number[], within = tolerance): void {
  expect(got.length).toBe(expected.length);
  for (const [i, value] of expected.entries()) expect(Math.abs((got[i] as number) - value)).toBeLessThan(within);
}

/** n Normalize(v1 + s (v2 - v1)) with s = 1 / (1 - cos phi + sin phi / tan(phi x)) (arXiv 2202.03038). */
function publishedGeodesic(v1: readonly number[], v2: readonly number[], x: number): number[] {
  const n = norm(v1);
  const phi = Math.acos(dot(v1, v2) / (n * n));
  const s = 1 / (1 - Math.cos(phi) + Math.sin(phi) / Math.tan(phi * x));
  const chord = v1.map((value, i) => value + s * ((v2[i] as number) - value));
  return chord.map((value) => (n * value) / norm(chord));
}

describe("the straight line", () => {
  it("has the ends themselves at its ends and their mixtures between", () => {
    const path = linearPath(a, b);
    for (const t of [0, 0.25, 0.7, 1]) {
      for (const name of Object.keys(a)) {
        const mixed = numbers(a, name).map((x, i) => (1 - t) * x + t * (numbers(b, name)[i] as number));
        expectClose(numbers(path(t), name), mixed);
        if (t === 0 || t === 1) expect(numbers(path(t), name)).toEqual(numbers(t === 0 ? a : b, name));
      }
    }
  });

  it("stays exactly where both ends are the same", () => {
    const copy = Object.fromEntries(
      Object.entries(a).map(([name, each]) => [name, { ...each, data: each.data.slice() }]),
    );
    for (const path of [linearPath(a, copy), geodesicPath(a, copy, spheres)]) {
      for (const t of [0.1, 1 / 3, 0.9]) expect(path(t)).toEqual(a);
    }
    const one = { ...b, "layers.0.weight": a["layers.0.weight"] as Tensor };
    expect(linearPath(a, one)(1 / 3)["layers.0.weight"]).toEqual(a["layers.0.weight"]);
  });

  it("takes half precision as single, keeps double, and leaves whole numbers as they are", () => {
    const half = { x: fromNumbers("float16", [1, 2]), count: tensor("int64", [], BigInt64Array.of(7n)) };
    const single = { x: fromNumbers("float32", [3, 4]), count: tensor("int64", [], BigInt64Array.of(9n)) };
    expect(linearPath(half, single)(0.5)).toEqual({ x: fromNumbers("float32", [2, 3]), count: half.count });
    const double = { ...single, x: convert(single.x, "float64") };
    expect(linearPath(half, double)(0.5).x?.dtype).toBe("float64");
  });

  it("leaves both ends as they are", () => {
    const before = [a, b].map((each) => structuredClone(each));
    linearPath(a, b)(0.3);
    geodesicPath(a, b, spheres)(0.3);
    expect([a, b]).toEqual(before);
  });

  it("is refused between networks of other tensors", () => {
    const wider = initializeParameters(mlp({ input: 4, widths: [4, 5], outputs: 2 }), rngKey(1));
    const deeper = initializeParameters(mlp({ input: 4, widths: [3, 5, 2], outputs: 2 }), rngKey(1));
    expect(() => linearPath(a, wider)).toThrow(
      'tensor "layers.0.weight": expected two networks of one architecture, got [3, 4] in the first and [4, 4] in the second',
    );
    expect(() => linearPath(a, deeper)).toThrow('tensor "layers.3.weight": ');
  });
});

describe("the spheres", () => {
  it("are one for each unit that can be scaled, and one for the last layer", () => {
    expect(spheres).toEqual([
      { tensor: "layers.0.weight", count: 3, stretch: 4, sphereOf: Int32Array.of(0, 1, 2) },
      { tensor: "layers.1.weight", count: 5, stretch: 3, sphereOf: Int32Array.of(0, 1, 2, 3, 4) },
      { tensor: "layers.2.weight", count: 1, stretch: 10, sphereOf: Int32Array.of(0) },
    ]);
  });

  it("hold whole filters of a convolution", () => {
    const shapes = spheresOf(discoverNetwork(lenet({ input: [1, 28, 28], outputs: 10 })));
    expect(shapes.map(({ count, stretch }) => [count, stretch])).toEqual([
      [20, 25],
      [50, 20 * 25],
      [500, 800],
      [1, 5000],
    ]);
  });

  it("are columns where weights are stored as [inputs, units]", () => {
    const turned = defineNetwork({
      description: { net: "turned" },
      inputShape: [4],
      inputKind: "real",
      outputs: 2,
      forward: (x, scope) => {
        const hidden = x.matmul(scope.weight("in", [4, 3], { kind: "constant", value: 1 })).relu();
        return hidden.matmul(scope.weight("out", [3, 2], { kind: "constant", value: 1 }));
      },
    });
    const [columns] = spheresOf(discoverNetwork(turned));
    const sphereOf = Int32Array.of(0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2);
    expect(columns).toEqual({ tensor: "in", count: 3, stretch: 1, sphereOf });
  });

  it("leave out units with a single incoming weight, and networks that cannot be scaled", () => {
    const narrow = spheresOf(discoverNetwork(mlp({ input: 1, widths: [3], outputs: 2 })));
    expect(narrow.map((each) => each.tensor)).toEqual(["layers.1.weight"]);
    const odd = spheresOf(discoverNetwork(mlp({ input: 4, widths: [3], outputs: 2, activation: "tanh" })));
    expect(odd.map((each) => each.tensor)).toEqual(["layers.1.weight"]);
  });

  it("have radius 1 for units, wherever on its orbit a network was", () => {
    const { group } = discovery;
    const onlyScales = {
      ...randomElement(group, rngKey(5)),
      permutations: randomElement(group, rngKey(5)).permutations.map((each) => each.toSorted()),
    };
    const scaled = onSpheres(group, act(group, onlyScales, drawn(1)));
    for (const name of ["layers.0.weight", "layers.1.weight"]) {
      for (const row of rows(a, name)) expect(norm(row)).toBeCloseTo(1, 10);
      expectClose(numbers(scaled, name), numbers(a, name), 1e-10);
    }
  });
});

describe("the geodesic", () => {
  it("is the published one on every sphere of units", () => {
    const path = geodesicPath(a, b, spheres);
    for (const t of [0.1, 0.5, 0.93]) {
      for (const name of ["layers.0.weight", "layers.1.weight"]) {
        const got = rows(path(t), name);
        for (const [i, row] of rows(a, name).entries()) {
          expectClose(got[i] as number[], publishedGeodesic(row, rows(b, name)[i] as number[], t), 1e-10);
        }
      }
      const bias = numbers(a, "layers.0.bias").map(
        (x, i) => (1 - t) * x + t * (numbers(b, "layers.0.bias")[i] as number),
      );
      expectClose(numbers(path(t), "layers.0.bias"), bias);
    }
  });

  it("has its ends at its ends, and is the same backwards", () => {
    const [forth, back] = [geodesicPath(a, b, spheres), geodesicPath(b, a, spheres)];
    expect([forth(0), forth(1)]).toEqual([a, b]);
    for (const name of Object.keys(a)) expectClose(numbers(forth(0.3), name), numbers(back(0.7), name));
  });

  it("goes evenly from one norm of the last layer to the other", () => {
    const [from, to] = [a, b].map((each) => norm(numbers(each, "layers.2.weight"))) as [number, number];
    const at = numbers(geodesicPath(a, b, spheres)(0.25), "layers.2.weight");
    expect(norm(at)).toBeCloseTo(0.75 * from + 0.25 * to, 12);
  });

  const plane = (x: number, y: number): Parameters => ({ w: fromNumbers("float64", [x, y], [1, 2]) });
  const circle = [{ tensor: "w", count: 1, stretch: 2, sphereOf: Int32Array.of(0) }];

  it("goes through the third and two thirds of an angle", () => {
    const path = geodesicPath(plane(1, 0), plane(0, 1), circle);
    expectClose(numbers(path(1 / 3), "w"), [Math.sqrt(3) / 2, 0.5]);
    expectClose(numbers(path(2 / 3), "w"), [0.5, Math.sqrt(3) / 2]);
  });

  it("keeps its digits between ends that almost meet, and those that are almost opposite", () => {
    for (const angle of [1e-12, 1e-8, 3, Math.PI - 1e-4]) {
      const path = geodesicPath(plane(1, 0), plane(Math.cos(angle), Math.sin(angle)), circle);
      const [, y] = numbers(path(0.25), "w");
      expect((y as number) / Math.sin(angle / 4)).toBeCloseTo(1, 8);
    }
  });

  it("is refused between opposite ends, where there are many", () => {
    expect(() => geodesicPath(plane(1, 0), plane(-1, 0), circle)).toThrow(
      /^geodesic: expected ends that are not opposite, got unit 0 of "w" at 3\.14159/,
    );
  });

  it("is straight from a unit without weights", () => {
    expectClose(numbers(geodesicPath(plane(0, 0), plane(0, 2), circle)(0.5), "w"), [0, 1]);
  });
});

describe("distances", () => {
  it("are those of the definitions", () => {
    const { chord, perParameter, geodesic } = distances(a, b, spheres);
    const all = Object.keys(a).flatMap((name) => numbers(a, name).map((x, i) => x - (numbers(b, name)[i] as number)));
    expect(chord).toBeCloseTo(norm(all), 12);
    expect(perParameter).toBeCloseTo(norm(all) / Math.sqrt(all.length), 12);
    const hidden = ["layers.0.weight", "layers.1.weight"].flatMap((name) =>
      rows(a, name).map((row, i) =>
        Math.acos(dot(row, rows(b, name)[i] as number[]) / norm(row) / norm(rows(b, name)[i] as number[])),
      ),
    );
    const [last, other] = [numbers(a, "layers.2.weight"), numbers(b, "layers.2.weight")];
    const angle = Math.acos(dot(last, other) / norm(last) / norm(other));
    const squares = hidden.reduce((sum, phi) => sum + phi * phi, angle * angle * norm(last) * norm(other));
    expect(geodesic).toBeCloseTo(Math.sqrt(squares), 8);
  });

  it("are exactly symmetric and zero from a network to itself", () => {
    expect(distances(b, a, spheres)).toEqual(distances(a, b, spheres));
    expect(distances(a, structuredClone(a), spheres)).toEqual({ chord: 0, perParameter: 0, geodesic: 0 });
    expect(distances(a, b).geodesic).toBeNull();
  });

  it("are .0556 per parameter between networks 784-512-512-10 without a common direction (arXiv 2202.03038)", () => {
    const large = mlp({ input: 784, widths: [512, 512], outputs: 10 });
    const found = discoverNetwork(large);
    const [x, y] = [1, 2].map((seed) => {
      return withHeadOnSphere(found, onSpheres(found.group, initializeParameters(large, rngKey(seed))));
    }) as [Parameters, Parameters];
    const { perParameter, geodesic } = distances(x, y, spheresOf(found));
    expect(perParameter.toFixed(4)).toBe("0.0556");
    expect((geodesic as number) / (Math.sqrt(1034) * (Math.PI / 2))).toBeCloseTo(1, 2);
  });
});

describe("the last layer", () => {
  const [u, v] = [a, b].map((each) => withHeadOnSphere(discovery, each)) as [Parameters, Parameters];

  it("is scaled to norm sqrt(outputs), its bias by the same factor, and nothing else", () => {
    const [weight, bias] = ["layers.2.weight", "layers.2.bias"];
    const shifted = { ...a, [bias as string]: fromNumbers("float64", [3, -1], [2]) };
    const scaled = withHeadOnSphere(discovery, shifted);
    const factor = Math.sqrt(2) / norm(numbers(a, "layers.2.weight"));
    for (const name of [weight, bias] as string[]) {
      expectClose(
        numbers(scaled, name),
        numbers(shifted, name).map((x) => factor * x),
      );
    }
    for (const name of Object.keys(a).filter((each) => !each.startsWith("layers.2")))
      expect(scaled[name]).toBe(a[name]);
    expect(norm(numbers(scaled, "layers.2.weight"))).toBeCloseTo(Math.SQRT2, 13);
  });

  it("then is a sphere of that radius: d^2 = sum (n phi)^2", () => {
    const angle = (x: readonly number[], y: readonly number[]) => Math.acos(dot(x, y) / (norm(x) * norm(y)));
    const hidden = ["layers.0.weight", "layers.1.weight"].flatMap((name) =>
      rows(u, name).map((row, i) => angle(row, rows(v, name)[i] as number[])),
    );
    const last = Math.SQRT2 * angle(numbers(u, "layers.2.weight"), numbers(v, "layers.2.weight"));
    expect(distances(u, v, spheres).geodesic).toBeCloseTo(Math.hypot(...hidden, last), 12);
    for (const t of [0.2, 0.5, 0.8]) {
      const at = geodesicPath(u, v, spheres)(t);
      expect(norm(numbers(at, "layers.2.weight"))).toBeCloseTo(Math.SQRT2, 12);
      const expected = publishedGeodesic(numbers(u, "layers.2.weight"), numbers(v, "layers.2.weight"), t);
      expectClose(numbers(at, "layers.2.weight"), expected, 1e-12);
    }
  });

  it("is left where it is if it is zero, and refused where no linear layer is the last", () => {
    const zero = { ...a, "layers.2.weight": fromNumbers("float64", new Array(10).fill(0), [2, 5]) };
    expect(withHeadOnSphere(discovery, zero)).toEqual(zero);
    const squared = defineNetwork({
      description: { net: "squared" },
      inputShape: [4],
      inputKind: "real",
      outputs: 2,
      forward: (x, scope) => x.matmul(scope.weight("w", [4, 2], { kind: "constant", value: 1 })).relu(),
    });
    const other = discoverNetwork(squared);
    expect(() => withHeadOnSphere(other, initializeParameters(squared, rngKey(1)))).toThrow(/^last layer: expected a /);
  });
});
