import { describe, expect, it } from "vitest";
import { teacherStudent } from "../data/index.ts";
import { initializeParameters, mlp } from "../nets/index.ts";
import { rngKey } from "../tensor/index.ts";
import { curvatureOf, minimize } from "../train/index.ts";
import { minimizeInThreads } from "./minimize-in-threads.ts";
import { nativeEngine } from "./native-engine.ts";

describe("minimizeInThreads", () => {
  it("gives what one thread gives, to the bit, in the order of the starts", async () => {
    const network = mlp({ input: [2], widths: [2], outputs: 1, activation: "sigmoid", bias: false });
    const dataset = teacherStudent();
    await using engine = await nativeEngine({ threads: 1 });
    await using curvature = await curvatureOf(network, dataset, { engine });
    const starts = [1, 2, 3, 4, 5].map((seed) =>
      curvature.flatten(initializeParameters(network, rngKey(seed), "float64")),
    );
    const options = { method: "bfgs", iterations: 40 } as const;
    const alone = await minimize(curvature, starts, options);
    expect(await minimizeInThreads(network, dataset, starts, { ...options, threads: 2 })).toEqual(alone);
    expect(new Set(alone.map(({ loss }) => loss)).size).toBeGreaterThan(1);
  });

  it("stops where the signal is raised", async () => {
    const network = mlp({ input: [2], widths: [5], outputs: 1, activation: "sigmoid", bias: false });
    const starts = Array.from({ length: 64 }, (_, i) => new Float64Array(15).fill(i / 8));
    const controller = new AbortController();
    const { signal } = controller;
    setTimeout(() => controller.abort(new Error("enough")), 300);
    const options = { method: "gradient-flow", iterations: 1_000_000, threads: 2, signal } as const;
    await expect(minimizeInThreads(network, teacherStudent(), starts, options)).rejects.toThrow("enough");
  });

  it("refuses to use no thread at all", async () => {
    const network = mlp({ input: [2], widths: [5], outputs: 1 });
    const none = minimizeInThreads(network, teacherStudent(), [], { threads: 0 });
    await expect(none).rejects.toThrow("minimize: expected at least one thread, got 0");
  });
});
