import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { referenceEngine } from "../engine/index.ts";
import { fromNumbers, toNumbers } from "../tensor/index.ts";
import { importModel } from "./index.ts";

interface Listed {
  readonly shape: readonly number[];
  readonly data: readonly (number | "inf" | "-inf" | "nan")[];
}
interface NodeCase {
  readonly model: string;
  readonly inputs: Readonly<Record<string, Listed>>;
  readonly outputs: Readonly<Record<string, Listed>>;
}

const file = new URL("../../test/golden/onnx/nodes/cases.json", import.meta.url);
const cases = Object.entries(JSON.parse(readFileSync(file, "utf8")) as Record<string, NodeCase>);

const infinite: Readonly<Record<string, number>> = { inf: Infinity, "-inf": -Infinity };

function numbersOf({ data }: Listed): number[] {
  return data.map((each) => (typeof each === "number" ? each : (infinite[each] ?? Number.NaN)));
}

/** Beyond what is imported. */
const beyond =
  /expected (mode nearest or linear|interpolation without|sizes to be kept|a common coordinate|attention without a cache|attributes among|indices into the first axes|one letter of its own|1 to 256 factors)/;

/** The cases are computed in float32. */
const tolerance = 1e-5;

async function results({ model, inputs }: NodeCase, name: string) {
  const bytes = new Uint8Array(Buffer.from(model, "base64"));
  const graph = importModel(bytes, name);
  const feeds = graph.inputs.map(({ dtype, attributes }) => {
    const listed = inputs[attributes.name]!;
    return [attributes.name, fromNumbers(dtype, numbersOf(listed), listed.shape)] as const;
  });
  const program = await referenceEngine().compile(graph.outputs);
  return program.run({ ...graph.initializers, ...Object.fromEntries(feeds) });
}

describe("a case of ONNX's test suite", () => {
  test.each(cases)("%s gives what it says, or is refused for a reason", async (name, each) => {
    const outcome = await results(each, name).catch((error: Error) => error);
    if (outcome instanceof Error) return expect(outcome.message).toMatch(beyond);
    for (const [output, listed] of Object.entries(each.outputs)) {
      expect(outcome[output]!.shape).toEqual(listed.shape);
      const got = toNumbers(outcome[output]!);
      const expected = numbersOf(listed);
      const errors = expected.map((value, i) =>
        Object.is(value, got[i]) ? 0 : Math.abs(value - got[i]!) / (1 + Math.abs(value)),
      );
      expect(Math.max(0, ...errors)).toBeLessThan(tolerance);
    }
  });

  test("is computed, not refused, in all but 34 of 224 cases", async () => {
    const outcomes = await Promise.all(cases.map(([name, each]) => results(each, name).catch(() => undefined)));
    const computed = outcomes.filter(Boolean).length;
    expect([cases.length, computed]).toEqual([224, 190]);
  });
});
