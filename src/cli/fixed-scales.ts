import { onSpheres, withHeadOnSphere } from "../landscape/index.ts";
import type { Parameters } from "../nets/index.ts";
import type { Discovery } from "../symmetry/index.ts";
import type { Call } from "./command.ts";

/** What `--scale-output` does, in every command that has it. */
export const scaleOutputHelp = "on the spheres also scale the last layer to norm sqrt(outputs): other loss, same error";

/** Weights with the scale of every unit fixed, and with `--scale-output` that of the last layer. */
export function scaleFixed(call: Call, discovery: Discovery, parameters: Parameters): Parameters {
  const fixed = onSpheres(discovery.group, parameters);
  return call.options["scale-output"] ? withHeadOnSphere(discovery, fixed) : fixed;
}
