import { InputError } from "../../errors.ts";

/** Where a search gave up, for someone who may ask for less. */
export function notConverged(
  { distance, loss, gradientNorm }: { readonly distance: number; readonly loss: number; readonly gradientNorm: number },
  tolerance: number,
): InputError {
  return new InputError({
    code: "not-converged",
    where: `permutation path, distance ${distance.toPrecision(4)}`,
    message: `expected a gradient of at most ${tolerance}, reached ${gradientNorm.toExponential(1)} at loss ${loss.toPrecision(6)}`,
    remedy: Number.isFinite(loss)
      ? "allow a larger gradient or take more steps"
      : "take weights and data without overflow; orbifold evaluate shows the loss",
  });
}
