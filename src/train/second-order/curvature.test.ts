import { afterAll, describe, expect, it } from "vitest";
import { type GoldenLoss, goldenPoint, goldenProblem, goldens } from "../../../test/golden/second-order/goldens.ts";
import { type Dataset, digitsDataset, takeSamples } from "../../data/index.ts";
import { referenceEngine } from "../../engine/index.ts";
import { convolution, defineNetwork, initializeParameters, linear } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { rngKey } from "../../tensor/index.ts";
import { curvatureOf } from "./curvature.ts";
import { times } from "./vectors.ts";

const native = await nativeEngine({ threads: 1 });
afterAll(() => native[Symbol.asyncDispose]());

/** Sums over a few samples in another order. */
const rounding = 1e-13;

function deviation(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  expect(got.length).toBe(expected.length);
  return Math.max(
    ...Array.from(got, (value, i) => Math.abs(value - (expected[i] as number)) / (1 + Math.abs(expected[i] as number))),
  );
}

function nameOf({ activation, widths, outputs, bias, task }: GoldenLoss): string {
  return `${task} 2-${[...widths, outputs].join("-")} ${activation}${bias ? " with biases" : ""}`;
}

describe.each(goldens.losses.map((golden) => [nameOf(golden), golden] as const))("%s", (_, golden) => {
  const { network, dataset } = goldenProblem(golden);
  const point = goldenPoint(golden.gradient.length);

  it.each([native, referenceEngine()].map((engine) => [engine.name, engine] as const))(
    "has the derivatives that PyTorch finds (%s)",
    async (_, engine) => {
      await using curvature = await curvatureOf(network, dataset, { engine });
      const elsewhere = point.map((x) => x + 0.1);
      const [, slope] = await curvature.slopes([elsewhere, point]);
      const [, exact] = await curvature.curvatures([elsewhere, point]);
      const [, part] = await curvature.gaussNewton([elsewhere, point]);
      const [, product] = await curvature.products([elsewhere, point], [point, elsewhere]);
      for (const at of [slope, exact, part]) {
        expect(at?.loss).toBeCloseTo(golden.loss, 13);
        expect(deviation(at?.gradient ?? [], golden.gradient)).toBeLessThan(rounding);
      }
      expect(deviation(exact?.hessian ?? [], golden.hessian)).toBeLessThan(rounding);
      expect(deviation(part?.hessian ?? [], golden.gaussNewton)).toBeLessThan(rounding);
      expect(deviation(product ?? [], times(Float64Array.from(golden.hessian), elsewhere))).toBeLessThan(rounding);
    },
  );
});

describe("curvatureOf", () => {
  const golden = goldens.losses.find(
    ({ task, bias, widths }) => task === "classification" && bias && widths.length === 1,
  ) as GoldenLoss;
  const { network, dataset } = goldenProblem(golden);
  const point = goldenPoint(golden.gradient.length);

  it.each([["layers.0.weight", "layers.0.bias"], ["layers.1.weight"], ["layers.0.bias", "layers.1.bias"]])(
    "leaves out %s, ... where these are held fixed",
    async (...names) => {
      await using whole = await curvatureOf(network, dataset, { engine: native });
      const all = whole.unflatten(point);
      const fixed = Object.fromEntries(names.map((name) => [name, all[name] as (typeof all)[string]]));
      await using part = await curvatureOf(network, dataset, { engine: native, fixed });
      const free = Array.from(point.keys()).filter((at) =>
        whole.layout.entries.some(
          ({ name, start, shape }) =>
            !names.includes(name) && at >= start && at < start + shape.reduce((product, size) => product * size, 1),
        ),
      );
      const [found] = await part.curvatures([part.flatten(all)]);
      const n = point.length;
      expect(found?.gradient.length).toBe(free.length);
      expect(
        deviation(
          found?.gradient ?? [],
          free.map((i) => golden.gradient[i] as number),
        ),
      ).toBeLessThan(rounding);
      const expected = free.flatMap((i) => free.map((j) => golden.hessian[i * n + j] as number));
      expect(deviation(found?.hessian ?? [], expected)).toBeLessThan(rounding);
      expect(part.unflatten(part.flatten(all))).toEqual(all);
    },
  );

  it("agrees with differences of gradients for a convolution", async () => {
    const digits = await digitsDataset();
    const few: Dataset = { ...digits, train: takeSamples(digits.train, 5) };
    const convolutional = defineNetwork({
      description: { net: "convolution" },
      inputShape: [1, 8, 8],
      inputKind: "real",
      outputs: 10,
      forward(x, scope) {
        const hidden = convolution(scope.within("conv"), x, { filters: 2, kernel: 5, bias: true }).tanh();
        return linear(scope.within("fc"), hidden.flatten().slice(1, 0, 8), { outputs: 10 });
      },
    });
    await using curvature = await curvatureOf(convolutional, few, { engine: native });
    const start = curvature.flatten(initializeParameters(convolutional, rngKey(1), "float64"));
    const [at] = await curvature.curvatures([start]);
    const n = curvature.size;
    const step = 1e-5;
    for (const k of [0, 17, 51, 60, n - 1]) {
      const [after, before] = await curvature.slopes(
        [step, -step].map((h) => start.map((x, i) => (i === k ? x + h : x))),
      );
      const row = after?.gradient.map((g, i) => (g - (before?.gradient[i] as number)) / (2 * step)) ?? [];
      expect(deviation(at?.hessian.subarray(k * n, (k + 1) * n) ?? [], row)).toBeLessThan(1e-8);
    }
  });

  it("refuses a point of another length", async () => {
    await using curvature = await curvatureOf(network, dataset, { engine: native });
    await expect(curvature.slopes([new Float64Array(3)])).rejects.toThrow(
      `curvature: expected vectors of ${point.length} parameters, got one of 3`,
    );
    await expect(curvature.curvatures([new Float64Array(3)])).rejects.toThrow(/^curvature: expected vectors/);
    expect(() => curvature.unflatten(new Float64Array(2))).toThrow(/^second order: expected a vector of/);
    expect(() => curvature.flatten({})).toThrow(/^layers.0.weight: expected \[4, 2\], got none/);
  });
});
