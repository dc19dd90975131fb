import { afterAll, describe, expect, it } from "vitest";
import { type Dataset, teacherStudent } from "../../data/index.ts";
import { type Model, mlp } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { fromNumbers, type Tensor } from "../../tensor/index.ts";
import { curvatureOf, minimize } from "../../train/index.ts";
import { flatChannels } from "./flat-channels.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

function network(width: number) {
  return mlp({ input: 2, widths: [width], outputs: 1, activation: "tanh" });
}

const [w, delta, c, a] = [[0.4, -0.3, 0.2], [0.6, 0, 0.8], 1.5, 0.7];

/** Units 0 and 2 in a channel, unit 1 beside it. */
function planted(eps: number): Model {
  const [plus, minus] = [1, -1].map((sign) => w.map((x, k) => x + sign * eps * (delta[k] as number)));
  const rows = [plus, [-0.5, 0.9, 0.1], minus] as number[][];
  return {
    network: network(3),
    parameters: {
      "layers.0.weight": fromNumbers(
        "float64",
        rows.flatMap((row) => row.slice(0, 2)),
        [3, 2],
      ),
      "layers.0.bias": fromNumbers(
        "float64",
        rows.map((row) => row[2] as number),
        [3],
      ),
      "layers.1.weight": fromNumbers("float64", [(c + a / eps) / 2, 0.3, (c - a / eps) / 2], [1, 3]),
      "layers.1.bias": fromNumbers("float64", [0], [1]),
    },
  };
}

describe("a planted channel", () => {
  it("is found with its coordinates", () => {
    const [found, ...others] = flatChannels(planted(1e-4), { layer: 0 });
    expect(others).toEqual([]);
    expect(found?.units).toEqual([0, 2]);
    expect(found?.eps).toBeCloseTo(1e-4, 15);
    expect(found?.c[0]).toBeCloseTo(c, 9);
    expect(found?.a[0]).toBeCloseTo(a, 9);
    for (const k of [0, 1, 2]) {
      expect(found?.w[k]).toBeCloseTo(w[k] as number, 14);
      expect(found?.delta[k]).toBeCloseTo(delta[k] as number, 10);
    }
    const [u, v] = [1, -1].map((sign) => w.map((x, k) => x + sign * 1e-4 * (delta[k] as number))) as [
      number[],
      number[],
    ];
    const cosine = u.reduce((sum, x, k) => sum + x * (v[k] as number), 0) / Math.hypot(...u) / Math.hypot(...v);
    expect(found?.cosineDistance).toBeCloseTo(1 - cosine, 14);
    expect(found?.norm).toBeCloseTo(Math.hypot(...u, ...v, (c + a / 1e-4) / 2, (c - a / 1e-4) / 2), 6);
  });

  it("counts from the thresholds on", () => {
    expect(flatChannels(planted(1e-2), { layer: 0 })).toEqual([]);
    expect(flatChannels(planted(1e-2), { layer: 0, norm: 10 })).toHaveLength(1);
    expect(flatChannels(planted(1e-2), { layer: 0, norm: 10, cosineDistance: 1e-6 })).toEqual([]);
  });
});

it("is where a student goes that has to learn a unit with a gate", async () => {
  const { inputs } = teacherStudent().train;
  const { data } = inputs as Tensor<"float64">;
  const targets = Array.from({ length: data.length / 2 }, (_, p) => {
    const [x, y] = [data[2 * p], data[2 * p + 1]] as [number, number];
    const z = 0.4 * x - 0.3 * y + 0.2;
    return c * Math.tanh(z) + a * (1 - Math.tanh(z) ** 2) * (0.6 * x + 0.8);
  });
  const split = { inputs, targets: fromNumbers("float64", targets, [targets.length, 1]) };
  const dataset: Dataset = { ...teacherStudent(), train: split, test: split };
  await using curvature = await curvatureOf(network(2), dataset, { engine });
  const [found] = await minimize(curvature, [Float64Array.of(0.5, -0.3, 0.3, -0.4, 0.1, 0.1, 1, 0.5, 0)], {
    iterations: 1000,
  });
  const model = { network: network(2), parameters: curvature.unflatten(found?.point as Float64Array) };
  expect(flatChannels(model, { layer: 0 })).toEqual([]);
  const [channel] = flatChannels(model, { layer: 0, norm: 50 });
  expect(found?.loss).toBeLessThan(1e-8);
  const coordinates = [...(channel?.w ?? []), channel?.c[0], channel?.a[0], ...(channel?.delta ?? [])];
  // Of the limit; the student is still on its way.
  for (const [k, x] of [...w, c, a, ...delta].entries()) expect(coordinates[k]).toBeCloseTo(x, 3);
});
