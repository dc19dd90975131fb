import { describe, expect, it, vi } from "vitest";
import { crossEntropy, grad, input, meanSquaredError, range, type Value } from "../../graph/index.ts";
import { type Activation, activate, activationNames } from "../../nets/index.ts";
import { fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { type Members, referenceEngine, type Tensors } from "../index.ts";
import { unrolledLoop } from "./program.ts";

const reference = referenceEngine();

function draw(seed: number, shape: readonly number[], deviation = 1): Tensor<"float64"> {
  return normal(rngKey(seed), shape, { dtype: "float64", deviation });
}

interface RunOptions {
  readonly rounds: number;
  readonly feeds: Tensors;
  readonly stepped?: readonly string[];
  readonly members?: Members;
}

/** Runs the loop unrolled and by the oracle, and gives the largest difference relative to the largest number of each output. */
async function differences(
  outputs: Readonly<Record<string, Value>>,
  options: RunOptions,
): Promise<Readonly<Record<string, number>>> {
  const { rounds, feeds, stepped = [], members } = options;
  const program = await unrolledLoop(outputs, stepped, members);
  if (!program) throw new Error("expected a graph that can be unrolled");
  const ours = await program.run(rounds, feeds);
  const theirs = await (await reference.compileLoop(outputs, stepped, members)).run(rounds, feeds);
  expect(Object.keys(ours).sort()).toEqual(Object.keys(theirs).sort());
  const difference = (name: string) => {
    const [a, b] = [toNumbers(ours[name] as Tensor), toNumbers(theirs[name] as Tensor)];
    expect(ours[name]?.shape).toEqual(theirs[name]?.shape);
    const largest = (numbers: Float64Array) => numbers.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
    return largest(a.map((x, i) => x - (b[i] as number))) / largest(b);
  };
  return Object.fromEntries(Object.keys(ours).map((name) => [name, difference(name)]));
}

/** The loss of a network with biases and two hidden layers, its gradient and the product of its Hessian with 0, 1, 2, ... */
function perceptron(activation: Activation, samples: number, isClassifier = false) {
  const outputs = isClassifier ? 3 : 2;
  const sizes = [3, 4, 2, outputs];
  const count = sizes.slice(1).reduce((sum, size, i) => sum + size * ((sizes[i] as number) + 1), 0);
  const point = input("point", "float64", [count]);
  const x = input("x", "float64", [samples, 3]);
  const y = isClassifier ? input("y", "int32", [samples]) : input("y", "float64", [samples, outputs]);
  let start = 0;
  const take = (shape: readonly number[], size: number) => {
    start += size;
    return point.slice(0, start - size, start).reshape(shape);
  };
  const output = sizes.slice(1).reduce<Value>((h, size, i) => {
    const inputs = sizes[i] as number;
    const z = h.matmul(take([size, inputs], size * inputs).transpose()).add(take([size], size));
    return i === sizes.length - 2 ? z : activate(activation, z);
  }, x);
  const loss = isClassifier ? crossEntropy(output, y) : meanSquaredError(output, y);
  const [gradient] = grad(loss, [point]) as [Value];
  const [product] = grad(gradient.mul(range(count, "float64")).sum(), [point]) as [Value];
  const labels = fromNumbers(
    "int32",
    Array.from({ length: samples }, (_, i) => i % 3),
  );
  const feeds = {
    x: draw(1, [samples, 3]),
    y: isClassifier ? labels : draw(2, [samples, outputs]),
    point: draw(3, [3, count], 0.5),
  };
  return { graph: { loss, gradient, product }, feeds };
}

/** The ones that are written with operators which have no instructions here. */
const refused: ReadonlySet<Activation> = new Set(["gelu", "erf", "sin"]);

describe("unrolledLoop", () => {
  it.each(activationNames.filter((name) => !refused.has(name)))(
    "differentiates %s twice as the oracle does",
    async (name) => {
      for (const samples of [40, 41]) {
        const { graph, feeds } = perceptron(name, samples);
        const found = await differences(graph, { rounds: 3, feeds, stepped: ["point"] });
        for (const error of Object.values(found)) expect(error).toBeLessThan(2e-14);
      }
    },
  );

  it("classifies", async () => {
    const { graph, feeds } = perceptron("tanh", 41, true);
    const found = await differences(graph, { rounds: 3, feeds, stepped: ["point"] });
    for (const error of Object.values(found)) expect(error).toBeLessThan(2e-14);
  });

  it("carries what replaces an input from round to round, and writes the last into a given tensor", async () => {
    const x = input("x", "float64", [33]);
    const [w, v] = [input("w", "float64", []), input("v", "float64", [2])];
    const step = input("step", "float64", []);
    const slope = x.mul(w).tanh().mean();
    const graph = { w: w.sub(slope.mul(step)), v: v.mul(0.5).add(w), slope };
    const feeds = { x: draw(1, [33]), w: draw(2, []), v: draw(3, [2]), step: draw(4, [5]) };
    for (const error of Object.values(await differences(graph, { rounds: 5, feeds, stepped: ["step"] }))) {
      expect(error).toBeLessThan(1e-14);
    }
    const into = { v: draw(5, [2]) };
    const program = await unrolledLoop(graph, ["step"]);
    const results = await program?.run(5, feeds, into);
    expect(results?.v).toBe(into.v);
    expect(into.v).toEqual((await program?.run(5, feeds))?.v);
  });

  it("refuses a given tensor of another shape", async () => {
    const w = input("w", "float64", [2]);
    const program = await unrolledLoop({ w: w.add(input("x", "float64", [33]).sum()) }, []);
    const run = program?.run(1, { x: draw(1, [33]), w: draw(2, [2]) }, { w: draw(3, [3]) });
    await expect(run).rejects.toThrow("w: expected float64 [2], got float64 [3]");
  });

  it("lets the event loop turn during long runs, which do not disturb each other", async () => {
    const [x, w, rate] = [input("x", "float64", [99]), input("w", "float64", [4, 1]), input("rate", "float64", [])];
    const program = await unrolledLoop({ w: w.sub(x.mul(w).tanh().sum(1, { keepDims: true }).mul(rate)) }, []);
    if (!program) throw new Error("expected a graph that can be unrolled");
    const feeds = [1, 2, 3].map((seed) => ({ x: draw(seed, [99]), w: draw(3, [4, 1]), rate: draw(seed, [], 1e-2) }));
    const alone: Tensors[] = [];
    for (const feed of feeds) alone.push(await program.run(50, feed));
    let time = performance.now();
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (time += 30));
    let hasTurned = false;
    setTimeout(() => (hasTurned = true));
    const together = await Promise.all(feeds.map((feed) => program.run(50, feed)));
    clock.mockRestore();
    expect(hasTurned).toBe(true);
    expect(together).toEqual(alone);
    expect(together[0]).not.toEqual(together[1]);
  });

  it("runs members side by side, each with its own state, rates and constants", async () => {
    const x = input("x", "float64", [33]);
    const [w, step, rate] = [input("w", "float64", [2]), input("step", "float64", []), input("rate", "float64", [2])];
    const shift = input("shift", "float64", []);
    const slope = w.reshape([2, 1]).mul(x).add(shift).tanh().mean(1);
    const graph = { w: w.sub(slope.mul(step).mul(rate)), slope };
    const feeds = {
      x: draw(1, [33]),
      w: draw(2, [3, 2]),
      step: draw(3, [5, 3]),
      rate: draw(4, [5, 2]),
      shift: draw(5, [3]),
    };
    const members = { count: 3, own: ["w", "step", "shift"] };
    const found = await differences(graph, { rounds: 5, feeds, stepped: ["step", "rate"], members });
    for (const error of Object.values(found)) expect(error).toBeLessThan(1e-14);
  });

  it("gives each round what it gives alone, to the bit", async () => {
    const { graph, feeds } = perceptron("sigmoid", 41);
    const program = await unrolledLoop(graph, ["point"]);
    const together = await program?.run(3, feeds);
    const count = feeds.point.shape[1] as number;
    for (const round of [2, 0, 1]) {
      const point = fromNumbers("float64", feeds.point.data.subarray(round * count, (round + 1) * count), [1, count]);
      const alone = await program?.run(1, { ...feeds, point });
      const rows = toNumbers(together?.gradient as Tensor).subarray(round * count, (round + 1) * count);
      expect(toNumbers(alone?.gradient as Tensor)).toEqual(rows);
    }
  });

  it("reads constants that differ between samples", async () => {
    const x = input("x", "float64", [64, 9]);
    const weights = range(64, "float64").reshape([64, 1]);
    const graph = { moments: x.mul(weights).transpose().matmul(x), mean: x.mean(0) };
    const found = await differences(graph, { rounds: 1, feeds: { x: draw(1, [64, 9]) } });
    for (const error of Object.values(found)) expect(error).toBeLessThan(1e-14);
  });

  it("tells a difference from its opposite, and sums what all samples share as often as there are samples", async () => {
    const [x, w] = [input("x", "float64", [33]), input("w", "float64", [])];
    const graph = {
      products: x.sub(w).exp().mul(w.sub(x)).sum(),
      shared: w.exp().expand([33]).sum().add(x.sum()),
      mean: w.expand([33]).mean(),
    };
    const found = await differences(graph, { rounds: 1, feeds: { x: draw(1, [33]), w: draw(2, []) } });
    for (const error of Object.values(found)) expect(error).toBeLessThan(1e-14);
  });

  it("computes logic and selections", async () => {
    const x = input("x", "float64", [35]);
    const [a, b] = [x.greater(0.5), x.lessOrEqual(-0.5)];
    const graph = {
      either: a.or(b).cast("float64").sum(),
      both: a.not().and(b.not()).cast("float64").sum(),
      signs: x.sign().mul(x.abs()).maximum(-1).minimum(0.7).sum(),
      powers: x.pow(3).add(x.pow(-1)).sum(),
    };
    const found = await differences(graph, { rounds: 1, feeds: { x: draw(1, [35]) } });
    for (const error of Object.values(found)) expect(error).toBeLessThan(1e-15);
  });

  it.each([
    ["outputs for every sample", (x: Value) => ({ y: x.exp() })],
    ["samples that need a sum over all before", (x: Value) => ({ y: x.sub(x.mean()).square().mean() })],
    ["samples by their places", (x: Value) => ({ y: x.gather(range(20)).sum() })],
    ["a part of the samples", (x: Value) => ({ y: x.slice(0, 3).sum() })],
    ["the largest of all samples", (x: Value) => ({ y: x.max() })],
    [
      "samples side by side",
      (x: Value) => ({
        y: x
          .reshape([5, 8])
          .matmul(x.reshape([8, 5]))
          .sum(),
      }),
    ],
    [
      "pairs of samples",
      (x: Value) => ({
        y: x
          .reshape([40, 1])
          .sub(x.reshape([1, 40]))
          .square()
          .sum(),
      }),
    ],
    [
      "samples that change places",
      (x: Value) => ({
        y: x
          .reshape([40, 1])
          .mul(range(2, "float64"))
          .reshape([2, 40])
          .mul(range(2, "float64").reshape([2, 1]))
          .sum(),
      }),
    ],
    ["float32", (x: Value) => ({ y: x.cast("float32").exp().cast("float64").sum() })],
  ])("leaves %s to other engines", async (_, graph) => {
    expect(await unrolledLoop(graph(input("x", "float64", [40])), [])).toBeNull();
  });

  it("leaves few samples and large networks to other engines", async () => {
    expect(await unrolledLoop({ y: input("x", "float64", [31]).sum() }, [])).toBeNull();
    const [x, w] = [input("x", "float64", [1000, 100]), input("w", "float64", [100, 200])];
    expect(await unrolledLoop({ y: x.matmul(w).tanh().sum() }, ["w"])).toBeNull();
  });
});
