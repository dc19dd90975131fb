import { readFileSync } from "node:fs";
import { afterAll, expect, it } from "vitest";
import { teacherStudent } from "../../data/index.ts";
import { initializeParameters, type Model, mlp } from "../../nets/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { fromNumbers, rngKey } from "../../tensor/index.ts";
import { splittingDescent } from "./splitting.ts";

const fixture = JSON.parse(readFileSync(new URL("../../../test/fixtures/toy-teacher.json", import.meta.url), "utf8"));
const engine = await nativeEngine({ threads: 1 });
const toy = teacherStudent();
afterAll(() => engine[Symbol.asyncDispose]());

function student(incoming: readonly (readonly number[])[], outgoing: readonly number[]): Model {
  const network = mlp({ input: [2], widths: [outgoing.length], outputs: 1, activation: "sigmoid", bias: false });
  const parameters = {
    "layers.0.weight": fromNumbers("float64", incoming.flat(), [outgoing.length, 2]),
    "layers.1.weight": fromNumbers("float64", outgoing, [1, outgoing.length]),
  };
  return { network, parameters };
}

/** One of the losses is given to so many digits behind the point. */
const publishedDigits = 12;

it("goes from the best student of width 1 over minima of widths 2 and 3 to the teacher", async () => {
  const start = student([fixture.width1.w], [fixture.width1.a]);
  const { stages, model, stopped } = await splittingDescent(start, toy, { layer: 0, width: 6, engine });
  expect(stopped).toBe("enough");
  expect(stages.map(({ width }) => width)).toEqual([1, 2, 3, 4]);
  const losses = [fixture.width1.loss, fixture.permutationPointLosses["(1,2)"], fixture.width3.loss, 0];
  for (const [i, { minimum }] of stages.entries()) expect(minimum.loss).toBeCloseTo(losses[i], publishedDigits);
  for (const { minimum } of stages) expect(minimum.index).toMatchObject({ negative: 0, zero: 0 });
  for (const [i, { minimum, split }] of stages.entries()) {
    if (!split) continue;
    expect(split.eigenvalue).toBeLessThan(0);
    expect(split.loss).toBeLessThan(minimum.loss);
    expect(stages[i + 1]?.minimum.loss).toBeLessThan(split.loss);
  }
  expect(model.network.description).toMatchObject({ widths: [4] });
  expect(stages.at(-1)?.split).toBeNull();
});

it("finds the eigenvalue by which the replica at even shares has a negative one", async () => {
  const start = student([fixture.width1.w], [fixture.width1.a]);
  const { stages } = await splittingDescent(start, toy, { layer: 0, width: 2, engine });
  // The copies part by (1, -1) / sqrt 2 along v, with 1/4 of B: half of the eigenvalue of B.
  expect(stages[0]?.split?.eigenvalue).toBeCloseTo(2 * fixture.width1.replicatedHalf[0], 8);
});

it("stops at the width that is asked for, and where splitting leads nowhere down", async () => {
  const start = student(fixture.width3.w, fixture.width3.a);
  const narrow = await splittingDescent(start, toy, { layer: 0, width: 3, engine });
  expect(narrow).toMatchObject({ stopped: "width", stages: { length: 1 } });
  const teacher = student(fixture.teacher.w, fixture.teacher.a);
  const there = await splittingDescent(teacher, toy, { layer: 0, width: 9, engine, enough: -1 });
  expect(there).toMatchObject({ stopped: "stable", stages: { length: 1 } });
});

it("says where a search came to no minimum", async () => {
  const start = student([[1, Number.NaN]], [1]);
  const lost = await splittingDescent(start, toy, { layer: 0, width: 3, engine });
  expect(lost).toMatchObject({
    stopped: "lost",
    stages: [{ width: 1, minimum: { stopped: "diverged" }, split: null }],
  });
});

it("refuses activations without second derivatives", async () => {
  const network = mlp({ input: [2], widths: [2], outputs: 1, activation: "relu" });
  const parameters = initializeParameters(network, rngKey(1), "float64");
  await expect(splittingDescent({ network, parameters }, toy, { layer: 0, width: 3, engine })).rejects.toThrow(
    /^mlp: expected a network with second derivatives, got one with Relu/,
  );
});
