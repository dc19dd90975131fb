import { expect } from "vitest";
import type { EngineLaw } from "./engine-laws.ts";
import type { Outcome } from "./engine-matrix.ts";

/** Rounding of a short chain of operations, relative to the largest element. */
export const tolerances = { float32: 2e-5, float64: 1e-13 } as const;

/** WebGPU promises sin and cos to 2^-11 absolutely (WGSL, "Accuracy of Built-in Functions"). */
const trigonometryOfWebgpu = 2 ** -11;
const webgpuTolerances: Readonly<Record<string, number>> = { sin: trigonometryOfWebgpu, cos: trigonometryOfWebgpu };

/** How far WebGPU may be from the reference on a case. */
export function webgpuTolerance(name: string): number {
  return webgpuTolerances[name] ?? tolerances.float32;
}

/** Fails with what the engine said, or unless it came within the tolerance. */
export function expectWithin(outcome: Outcome | undefined, tolerance: number): void {
  expect(outcome).not.toHaveProperty("failure");
  expect(outcome).toHaveProperty("difference");
  expect((outcome as { difference: number }).difference).toBeLessThan(tolerance);
}

/** Fails unless the law was kept or, where a refusal is known, the engine still refuses with those words. */
export function expectLaw(
  { name, expected }: EngineLaw,
  observed: Readonly<Record<string, unknown>>,
  refusal?: string,
) {
  if (refusal) expect(observed[name]).toContain(refusal);
  else expect(observed[name]).toEqual(expected);
}
