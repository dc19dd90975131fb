import { check } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { type Discovery, headSymmetry } from "../symmetry/index.ts";
import { fromNumbers, type Tensor, toNumbers } from "../tensor/index.ts";

/**
 * Other weights of the same decisions: the last layer, its bias with it, scaled by sqrt(H) / |W| for H outputs (arXiv
 * 2202.03038, section 2), so that its weights lie on a sphere of radius sqrt(H). The largest output stays the largest, so
 * the error stays; the loss does not.
 */
export function withHeadOnSphere(discovery: Discovery, parameters: Parameters): Parameters {
  const scaled = new Set(headSymmetry(discovery)?.scale ?? []);
  const weights = [...scaled].filter((name) => (parameters[name]?.shape.length ?? 0) > 1);
  check(weights.length > 0, () => ({
    code: "no-head",
    where: "last layer",
    message: "expected a network whose classes are the outputs of a linear layer, got another",
    remedy: "leave the last layer as it is",
  }));
  const square = weights.reduce((sum, name) => sum + squareOf(parameters[name] as Tensor), 0);
  const outputs = discovery.outputs[0]?.shape.at(-1) ?? 1;
  const factor = square === 0 ? 1 : Math.sqrt(outputs / square);
  return Object.fromEntries(
    Object.entries(parameters).map(([name, each]) => [name, scaled.has(name) ? times(each, factor) : each]),
  );
}

function squareOf(each: Tensor): number {
  return toNumbers(each).reduce((sum, x) => sum + x * x, 0);
}

function times(each: Tensor, factor: number): Tensor {
  return fromNumbers(
    each.dtype,
    Array.from(toNumbers(each), (x) => factor * x),
    each.shape,
  );
}
