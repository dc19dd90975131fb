import { afterAll, describe, expect, it } from "vitest";
import { engineLaws } from "../../test/engine-laws.ts";
import { disagreement } from "../../test/engine-matrix.ts";
import { tolerances } from "../../test/engine-verdicts.ts";
import { operatorCases } from "../../test/operator-cases.ts";
import { nativeEngine } from "../node/index.ts";

const cpu = await nativeEngine({ threads: 2 });
afterAll(() => cpu[Symbol.asyncDispose]());

for (const dtype of ["float32", "float64"] as const) {
  describe(`ONNX Runtime against the reference in ${dtype}`, () => {
    it.each(operatorCases.map((each) => [each.name, each] as const))("%s, value and gradient", async (_, each) => {
      expect(await disagreement(cpu, each, dtype)).toBeLessThan(tolerances[dtype]);
    });
  });
}

describe("ONNX Runtime", () => {
  it.each(engineLaws)("$name", async ({ observe, expected }) => {
    expect(await observe(cpu)).toEqual(expected);
  });
});
