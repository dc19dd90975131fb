import { describe, expect, it } from "vitest";
import { layer, p, q, r, turned, type Unit } from "../../../test/expansion/units.ts";
import { initializeParameters, type Model, mlp } from "../../nets/index.ts";
import { rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { classifyUnits, expand } from "./index.ts";

const key = rngKey(11);
/** Sums of a few products in another order. */
const rounding = 1e-14;

describe("classifyUnits", () => {
  it("tells copies, zero-type groups, constants and unexplained units apart", async () => {
    const teacher = layer("g", [p, q]);
    const wide = expand(teacher, [{ layer: 0, roles: [1, 0, 2, 1, 2, 3], split: "random" }], { key });
    const extra: Unit[] = [
      [[0, 0], 0.4, [1, 1]],
      [[0.6, -0.4], 0.4, [0.5, 0]],
    ];
    const student = appended(wide, extra);
    const { units, teacher: made } = await classifyUnits(student, teacher, { layer: "layers.0" });
    expect(units.map(({ kind }) => kind)).toEqual([
      "copy",
      "copy",
      "zero",
      "copy",
      "zero",
      "zero",
      "constant",
      "unexplained",
    ]);
    expect(units[0]).toMatchObject({ of: 1, isFlipped: false, angle: 0 });
    expect(units[2]).toMatchObject({ members: [2, 4] });
    expect(units[5]).toMatchObject({ members: [5], residual: 0 });
    const angle =
      (Math.acos((0.36 + 0.16 + 0.12) / (Math.hypot(0.6, 0.4, 0.3) * Math.hypot(0.6, 0.4, 0.4))) * 180) / Math.PI;
    expect(units[7]).toMatchObject({ nearest: 0, angle: expect.closeTo(angle, 9), outgoing: 0.5 });
    expect(made.map(({ copies }) => copies)).toEqual([[1], [0, 3]]);
    for (const { residual } of made) expect(residual).toBeLessThan(rounding);
  });

  it("takes signs out of odd units, and measures what is missing", async () => {
    const teacher = layer("tanh", [p, q]);
    const student = layer("tanh", [turned(p, [-1, -2]), q, [q[0], q[1], [3, 4]]]);
    const { units, teacher: made } = await classifyUnits(student, teacher, { layer: 0 });
    expect(units).toMatchObject([{ of: 0, isFlipped: false }, { of: 1 }, { of: 1 }]);
    expect(made[0]?.residual).toBeLessThan(rounding);
    expect(made[1]?.residual).toBeCloseTo(5, 12);
  });

  it("turns round copies that sigmoid makes equal up to a constant", async () => {
    const student = layer("sigmoid", [turned(p, [-1, -2]), q]);
    const { units, teacher: made } = await classifyUnits(student, layer("sigmoid", [p, q]), { layer: 0 });
    expect(units).toMatchObject([
      { of: 0, isFlipped: true },
      { of: 1, isFlipped: false },
    ]);
    expect(made[0]?.residual).toBeLessThan(rounding);
  });

  it("takes the nearest of several units within the thresholds", async () => {
    const teacher = layer("g", [p, [[0.605, -0.4], 0.3, [1, 1]]]);
    const student = layer("g", [[[0.604, -0.4], 0.3, [1, 1]]]);
    const { units } = await classifyUnits(student, teacher, { layer: 0 });
    expect(units).toMatchObject([{ kind: "copy", of: 1 }]);
  });

  it("finds units that cancel their opposites but for a constant, and not where a line is left", async () => {
    const group = (sign: 1 | -1): Unit[] => [r, turned(r, [-0.3 * sign, 0.1 * sign]), [r[0], r[1], [-0.4, 0.2]]];
    const sigmoid = await classifyUnits(layer("sigmoid", [p, ...group(-1)]), layer("sigmoid", [p]), { layer: 0 });
    const members = [1, 2, 3];
    expect(sigmoid.units).toMatchObject([
      { of: 0 },
      { members },
      { members },
      { members, residual: expect.closeTo(0) },
    ]);
    const softplus = await classifyUnits(layer("softplus", [p, ...group(1)]), layer("softplus", [p]), { layer: 0 });
    expect(softplus.units.map(({ kind }) => kind)).toEqual(["copy", "unexplained", "unexplained", "unexplained"]);
  });

  it("measures the angle to opposite units too where they can be copies", async () => {
    const near: Unit = [[-0.6, 0.4], -0.35, [1, 1]];
    const angleIn = async (activation: "sigmoid" | "g") =>
      (await classifyUnits(layer(activation, [near]), layer(activation, [p]), { layer: 0 })).units[0];
    const cosine = (0.36 + 0.16 + 0.3 * 0.35) / Math.hypot(0.6, 0.4, 0.3) / Math.hypot(0.6, 0.4, 0.35);
    const angle = (Math.acos(cosine) * 180) / Math.PI;
    expect(await angleIn("sigmoid")).toMatchObject({ kind: "unexplained", angle: expect.closeTo(angle, 9) });
    expect(await angleIn("g")).toMatchObject({ kind: "unexplained", angle: expect.closeTo(180 - angle, 9) });
  });

  it("refuses a teacher of other inputs", async () => {
    const other = mlp({ input: 3, widths: [2], outputs: 2, activation: "tanh" });
    const teacher = { network: other, parameters: initializeParameters(other, key) };
    await expect(classifyUnits(layer("tanh", [p, q]), teacher, { layer: 0 })).rejects.toThrow(
      "as many weights as the teacher's",
    );
  });
});

/** A layer with more units. */
function appended({ parameters }: Model, units: readonly Unit[]): Model {
  const numbers = (name: string) => [...toNumbers(parameters[name] as Tensor)];
  const [weights, biases, outgoing] = ["layers.0.weight", "layers.0.bias", "layers.1.weight"].map(numbers) as [
    number[],
    number[],
    number[],
  ];
  const all = biases.map(
    (b, i): Unit => [
      [weights[2 * i] as number, weights[2 * i + 1] as number],
      b,
      [outgoing[i] as number, outgoing[biases.length + i] as number],
    ],
  );
  return layer("g", [...all, ...units]);
}
