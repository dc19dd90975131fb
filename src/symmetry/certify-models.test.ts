import { describe, expect, it } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { initializeParameters, mlp } from "../nets/index.ts";
import { fromNumbers, rngKey, tensor } from "../tensor/index.ts";
import { certifyModels, outputDeviations } from "./index.ts";

const engine = referenceEngine();
const key = rngKey(1);

/** tanh(x) as one unit, and as two halves of it. */
const one = {
  network: mlp({ input: 1, widths: [1], outputs: 1, activation: "tanh", bias: false }),
  parameters: {
    "layers.0.weight": fromNumbers("float64", [1], [1, 1]),
    "layers.1.weight": fromNumbers("float64", [1], [1, 1]),
  },
};
const halves = (a: number, b: number) => ({
  network: mlp({ input: 1, widths: [2], outputs: 1, activation: "tanh", bias: false }),
  parameters: {
    "layers.0.weight": fromNumbers("float64", [1, 1], [2, 1]),
    "layers.1.weight": fromNumbers("float64", [a, b], [1, 2]),
  },
});

describe("certifyModels", () => {
  it("compares networks of different widths", async () => {
    const found = await certifyModels(one, halves(0.25, 0.75), { engine, key });
    expect(found).toMatchObject({ ok: true, isExact: false, probes: 8, precision: "float64", tolerance: 1e-9 });
    expect(found.maxRelative).toBeLessThan(1e-15);
  });

  it("sees a difference, and how large it is", async () => {
    const found = await certifyModels(one, halves(0.25, 0.7), { engine, key });
    expect(found).toMatchObject({ ok: false, maxRelative: expect.closeTo(0.05, 12) });
    expect(found.reason).toContain("outputs differ by 5.0e-2 of the largest");
    expect(await certifyModels(one, halves(0.25, 0.7), { engine, key, tolerance: 0.06 })).toMatchObject({ ok: true });
  });

  it("looks at given data too", async () => {
    const data = fromNumbers("float64", [1, 2, 3], [3, 1]);
    expect((await certifyModels(one, halves(0.5, 0.5), { engine, key, probes: 2, data })).probes).toBe(5);
  });

  it("allows what rounding does to narrow types", async () => {
    const network = mlp({ input: 3, widths: [4], outputs: 2 });
    const parameters = initializeParameters(network, key);
    const { tolerance } = await certifyModels({ network, parameters }, { network, parameters }, { engine, key });
    expect(tolerance).toBeGreaterThan(1e-8);
    expect(tolerance).toBeLessThan(1e-4);
  });

  it("refuses networks for other inputs", async () => {
    const network = mlp({ input: 2, widths: [1], outputs: 1 });
    const other = { network, parameters: initializeParameters(network, key, "float64") };
    await expect(certifyModels(one, other, { engine, key })).rejects.toThrow(
      "expected inputs [1] and 1 outputs, got [2] and 1",
    );
  });
});

describe("outputDeviations", () => {
  it("measures each set of parameters against the first", async () => {
    const others = [halves(0.5, 0.5), halves(0.5, 0.25), halves(1, 1)].map(({ parameters }) => parameters);
    const found = await outputDeviations(halves(0.25, 0.75), others, {
      engine,
      key,
      data: tensor("float64", [1, 1], Float64Array.of(2)),
    });
    expect(found[0]).toBeLessThan(1e-15);
    expect(found.slice(1)).toEqual([expect.closeTo(0.25, 12), expect.closeTo(0.5, 12)]);
  });
});
