import { readFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "vitest";
import { type GoldenLoss, goldenPoint, goldenProblem, goldens } from "../../../test/golden/second-order/goldens.ts";
import { teacherStudent, toyTeacher } from "../../data/index.ts";
import { initializeParameters, mlp } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { norm, rngKey } from "../../tensor/index.ts";
import { type CriticalPoint, indexOf } from "./critical-point.ts";
import { curvatureOf } from "./curvature.ts";
import { symmetricEigenvalues } from "./eigen.ts";
import { gradientFlow } from "./gradient-flow.ts";
import { minimize, polish } from "./minimize.ts";
import type { LocalCurvature } from "./objective.ts";

const fixture = JSON.parse(readFileSync(new URL("../../../test/fixtures/toy-teacher.json", import.meta.url), "utf8"));
const engine = await nativeEngine({ threads: 1 });
const dataset = teacherStudent();
afterAll(() => engine[Symbol.asyncDispose]());

function toyCurvature(width: number) {
  const network = mlp({ input: [2], widths: [width], outputs: 1, activation: "sigmoid", bias: false });
  return curvatureOf(network, dataset, { engine });
}

type Unit = readonly [x: number, y: number, outgoing: number];

const teacher: readonly Unit[] = toyTeacher.incoming.map(([x, y], i) => [x, y, toyTeacher.outgoing[i] as number]);
const width3: readonly Unit[] = fixture.width3.w.map(([x, y]: [number, number], i: number) => [
  x,
  y,
  fixture.width3.a[i],
]);

/** The vector of a network: all incoming weights, then all outgoing ones. */
function pointOf(units: readonly Unit[]): Float64Array {
  return Float64Array.from([...units.flatMap((unit) => unit.slice(0, 2)), ...units.map(([, , outgoing]) => outgoing)]);
}

/** A unit of which one part is given to a copy. */
function split(units: readonly Unit[], i: number, share: number): readonly Unit[] {
  const [x, y, outgoing] = units[i] as Unit;
  return [...units.map((unit, k): Unit => (k === i ? [x, y, share * outgoing] : unit)), [x, y, (1 - share) * outgoing]];
}

async function at(units: readonly Unit[]): Promise<LocalCurvature & { readonly eigenvalues: Float64Array }> {
  await using curvature = await toyCurvature(units.length);
  const [found] = (await curvature.curvatures([pointOf(units)])) as [LocalCurvature];
  return { ...found, eigenvalues: symmetricEigenvalues(found.hessian, curvature.size) };
}

/** The values of the fixture are given to so many digits behind the point. */
const [publishedDigits, tenDigits] = [12, 9.7];

describe("the Hessian of the toy", () => {
  it("has at the teacher the published trace and eigenvalues", async () => {
    const { loss, gradient, eigenvalues } = await at(teacher);
    expect(loss).toBeLessThan(1e-30);
    expect(norm(gradient)).toBeLessThan(1e-15);
    expect(eigenvalues.reduce((sum, value) => sum + value)).toBeCloseTo(fixture.teacherHessian.trace, publishedDigits);
    // The rounding of a matrix of norm 2 is in its last two digits.
    expect(eigenvalues[0]).toBeCloseTo(fixture.teacherHessian.smallest, 14);
    for (const [i, value] of fixture.teacherHessian.largest.entries()) {
      expect(eigenvalues[9 + i]).toBeCloseTo(value, publishedDigits);
    }
  });

  it("has three zero eigenvalues at a duplicated neuron, and two at one of zero output", async () => {
    const duplicate = await at(split(teacher, fixture.duplicate.neuron - 1, fixture.duplicate.split[0]));
    expect(duplicate.loss).toBeLessThan(1e-30);
    expect(indexOf(duplicate.eigenvalues)).toMatchObject({ negative: 0, zero: fixture.duplicate.zeroEigenvalues });
    expect(duplicate.eigenvalues.at(-1)).toBeCloseTo(fixture.duplicate.largest, publishedDigits);
    const { w, a, zeroEigenvalues, largest } = fixture.zeroType;
    const zeroType = await at([...teacher, [...w, a] as unknown as Unit]);
    expect(indexOf(zeroType.eigenvalues)).toMatchObject({ negative: 0, zero: zeroEigenvalues });
    expect(zeroType.eigenvalues.at(-1)).toBeCloseTo(largest, publishedDigits);
  });

  it("has the published barriers on the lines to two permuted teachers", async () => {
    await using curvature = await toyCurvature(4);
    for (const [name, [i, j]] of [
      ["swap(3,4)", [2, 3]],
      ["swap(1,2)", [0, 1]],
    ] as const) {
      const swapped = teacher.with(i, teacher[j] as Unit).with(j, teacher[i] as Unit);
      const [start, end] = [pointOf(teacher), pointOf(swapped)];
      const line = Array.from({ length: 41 }, (_, k) => start.map((x, p) => x + (k / 40) * ((end[p] as number) - x)));
      const losses = (await curvature.slopes(line)).map(({ loss }) => loss);
      expect(Math.max(...losses) / fixture.linearBarriers[name]).toBeCloseTo(1, 6);
    }
  });
});

describe("critical points of the toy", () => {
  it("include the best student of width 1, and a strict saddle where it is doubled", async () => {
    await using curvature = await toyCurvature(1);
    const [best] = await minimize(curvature, [Float64Array.of(0.1, -0.1, 3)]);
    const { w, a, loss, eigenvalues, replicatedHalf } = fixture.width1;
    expect(best).toMatchObject({ stopped: "converged", index: { negative: 0, zero: 0, positive: 3 } });
    expect(best?.loss).toBeCloseTo(loss, 16);
    for (const [i, value] of [...w, a].entries()) expect(best?.point[i]).toBeCloseTo(value, 10);
    for (const [i, value] of eigenvalues.entries())
      expect(best?.eigenvalues[i]).toBeCloseTo(value, publishedDigits - 0.3);
    const [x, y, outgoing] = (best as CriticalPoint).point as unknown as Unit;
    const doubled = await at(split([[x, y, outgoing]], 0, 0.5));
    expect(norm(doubled.gradient)).toBeLessThan(1e-14);
    for (const [i, value] of replicatedHalf.entries())
      expect(doubled.eigenvalues[i]).toBeCloseTo(value, tenDigits - 0.7);
    expect(indexOf(doubled.eigenvalues)).toMatchObject({ negative: 1, zero: 1, positive: 4 });
  });

  it("include the best one of width 3, and a saddle of first order where a neuron of it is doubled", async () => {
    await using curvature = await toyCurvature(3);
    const [found] = await polish(curvature, [pointOf(width3)]);
    expect(found).toMatchObject({ stopped: "converged", index: { negative: 0, zero: 0, positive: 9 } });
    expect((found?.loss as number) / fixture.width3.loss).toBeCloseTo(1, publishedDigits);
    expect(found?.eigenvalues[0]).toBeCloseTo(fixture.width3.smallestEigenvalue, 8);
    const point = found?.point as Float64Array;
    const units = [0, 1, 2].map(
      (i): Unit => [point[2 * i] as number, point[2 * i + 1] as number, point[6 + i] as number],
    );
    const { lowest, negative, zero } = fixture.width3.duplicateNeuron1Half;
    const doubled = await at(split(units, 0, 0.5));
    expect(doubled.eigenvalues[0]).toBeCloseTo(lowest, 7);
    expect(indexOf(doubled.eigenvalues)).toMatchObject({ negative, zero });
    for (const share of [-0.5, -0.1, 1.1, 1.5]) {
      const third = await at(split(units, 2, share));
      expect(indexOf(third.eigenvalues)).toMatchObject({ negative: 0, zero: 1 });
    }
  });

  it.each(["newton", "saddle-free", "levenberg-marquardt", "bfgs"] as const)(
    "are found by %s, with a gradient at rounding level",
    async (method) => {
      await using curvature = await toyCurvature(2);
      const network = mlp({ input: [2], widths: [2], outputs: 1, activation: "sigmoid", bias: false });
      const starts = [1, 2, 3].map((seed) => curvature.flatten(initializeParameters(network, rngKey(seed), "float64")));
      for (const found of await minimize(curvature, starts, { method })) {
        const { stopped, gradientNorm, newtonResidual, eigenvalues, index, loss } = found;
        expect(stopped).toBe("converged");
        expect(gradientNorm).toBeLessThanOrEqual(1e-14);
        // |H^-1 g| is at most |g| over the least eigenvalue, but for rounding.
        expect(newtonResidual).toBeLessThan((1.001 * gradientNorm) / (eigenvalues[0] as number));
        expect(index.negative).toBe(0);
        expect(loss).toBeLessThan(fixture.width1.loss);
      }
    },
  );
});

describe("the gradient flow of a perceptron", () => {
  it("passes the points where scipy's Radau finds it", async () => {
    const { network, dataset: samples } = goldenProblem(goldens.losses[0] as GoldenLoss);
    await using curvature = await curvatureOf(network, samples, { engine });
    const { times, points } = goldens.flow;
    const options = { times, relativeTolerance: 1e-6, absoluteTolerance: 1e-8 };
    const [flow] = await gradientFlow(curvature, [goldenPoint(curvature.size)], options);
    expect(flow?.stopped).toBe("finished");
    for (const [i, { point }] of flow?.samples.entries() ?? []) {
      for (const [k, x] of point.entries()) expect(x).toBeCloseTo(points[i]?.[k] as number, 6);
    }
  });
});
