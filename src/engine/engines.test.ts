import { afterAll, describe, expect, it } from "vitest";
import { disagreement } from "../../test/engine-matrix.ts";
import { operatorCases } from "../../test/operator-cases.ts";
import { nativeEngine } from "../node/index.ts";

const cpu = await nativeEngine({ threads: 2 });
afterAll(() => cpu[Symbol.asyncDispose]());

/** Rounding of a short chain of operations, relative to the largest element. */
const tolerances = { float32: 2e-5, float64: 1e-13 } as const;

for (const dtype of ["float32", "float64"] as const) {
  describe(`ONNX Runtime against the reference in ${dtype}`, () => {
    it.each(operatorCases.map((each) => [each.name, each] as const))("%s, value and gradient", async (_, each) => {
      expect(await disagreement(cpu, each, dtype)).toBeLessThan(tolerances[dtype]);
    });
  });
}
