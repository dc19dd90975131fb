import { afterAll, describe, expect, it } from "vitest";
import { teacherStudent } from "../../data/index.ts";
import { initializeParameters, mlp } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { dot, norm, rngKey } from "../../tensor/index.ts";
import { channelWatch } from "./channel-watch.ts";
import { curvatureOf } from "./curvature.ts";
import { minimize } from "./minimize.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());

/** After how many steps a search with these norms of its parameters and losses counts as run off, or null. */
function end(normAt: (step: number) => number, lossAt: (step: number) => number): number | null {
  const isInChannel = channelWatch(Float64Array.of(1));
  for (let step = 0; step < 5000; step++) {
    if (isInChannel(Float64Array.of(normAt(step)), lossAt(step))) return step;
  }
  return null;
}

describe("channelWatch", () => {
  const creeping = (step: number) => 1 + 0.1 / (step + 10);

  it("ends a search whose parameters grow for nothing", () => {
    expect(end((step) => 1 + step / 100, creeping)).toBe(500);
  });

  it.each([
    ["the loss falls", (step: number) => 1 + step / 100, (step: number) => 0.999 ** step],
    ["the parameters stay where they are", () => 30, creeping],
    ["the parameters come to rest", (step: number) => 20 - 19 / (1 + step), creeping],
    ["the parameters are no larger than in the beginning", (step: number) => 0.1 + step / 2000, creeping],
  ])("goes on where %s", (_, normAt, lossAt) => {
    expect(end(normAt, lossAt)).toBeNull();
  });

  it("ends where two neurons become a gated one, close to the loss that they have at infinity", async () => {
    const network = mlp({ input: [2], widths: [5], outputs: 1, activation: "sigmoid", bias: false });
    await using curvature = await curvatureOf(network, teacherStudent(), { engine });
    const start = curvature.flatten(initializeParameters(network, rngKey(1), "float64"));
    const [found] = await minimize(curvature, [start], { method: "bfgs", iterations: 5000 });
    if (!found) throw new Error("expected one result");
    expect(found.stopped).toBe("channel");
    expect(found.iterations).toBeLessThan(2000);
    // 6,591 steps of the same search end at 2.291854e-6.
    expect(found.loss / 2.291854e-6).toBeCloseTo(1, 4);
    const incoming = [0, 1, 2, 3, 4].map((unit) => found.point.subarray(2 * unit, 2 * unit + 2));
    const outgoing = found.point.subarray(10);
    const pairs = incoming.flatMap((w, i) =>
      incoming.slice(i + 1).map((v, k) => ({ i, j: i + 1 + k, cosine: dot(w, v) / norm(w) / norm(v) })),
    );
    const closest = pairs.reduce((best, pair) => (pair.cosine > best.cosine ? pair : best));
    expect(closest.cosine).toBeGreaterThan(0.9999);
    expect((outgoing[closest.i] as number) * (outgoing[closest.j] as number)).toBeLessThan(0);
  });
});
