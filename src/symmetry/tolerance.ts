import type { Network, Parameters } from "../nets/index.ts";
import { convert, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { type CompareOptions, compareOutputs, samplesOf } from "./compare-outputs.ts";
import { relativeDeviation } from "./deviation.ts";
import type { GroupElement } from "./element.ts";
import { inPrecision } from "./precision.ts";

/** Where numbers only change places: hundreds of times what another order of summation makes of a deep network. */
export const EXACT = 1e-12;
/** Where they are scaled, and stored in float64. */
const SCALED = 1e-9;
/** How many times the effect of one rounding of all parameters is allowed. */
const ROUNDINGS = 8;
/** Factors that no type has as a power of its base: under each, numbers are rounded differently. */
const FACTORS = [Math.SQRT1_2, 0.6, 0.85];
/** Inputs of each stack on which they are tried. */
const TRIED = 4;

export interface ToleranceOptions extends CompareOptions {
  /** What makes one parameter set of the other, where it is known. */
  readonly element: GroupElement | undefined;
}

/**
 * How far outputs may be apart, relative to the largest. Permutations and signs move numbers as they are: 1e-12. Scales
 * round them: 1e-9 where they are stored, and the network computed, in float64. In narrower types what roundings do
 * depends on the network, so it is tried: 8 times how far outputs move when all parameters are multiplied by a number,
 * stored, and divided by it again; the most that any of three numbers does.
 */
export async function toleranceFor(
  network: Network,
  stored: readonly [Parameters, Parameters],
  options: ToleranceOptions,
): Promise<number> {
  const { element, precision } = options;
  const isWide = precision === "float64";
  if (isWide && element && isMove(element)) return EXACT;
  if (isWide && stored.every(isStoredWide)) return SCALED;
  const response = await roundingResponse(network, stored, { ...options, inputs: options.inputs.map(lastFew) });
  return Number.isFinite(response) ? Math.max(SCALED, ROUNDINGS * response) : SCALED;
}

/** Whether an element only moves units and flips them. */
export function isMove({ scales }: GroupElement): boolean {
  return scales.every((each) => each.every((scale) => Math.abs(scale) === 1));
}

function isStoredWide(parameters: Parameters): boolean {
  return Object.values(parameters).every(({ dtype }) => dtype === "float64");
}

async function roundingResponse(
  network: Network,
  stored: readonly [Parameters, Parameters],
  options: CompareOptions,
): Promise<number> {
  const unrounded = inPrecision(stored[0], options.precision);
  let most = 0;
  for (const factor of FACTORS) {
    const rounded = roundedUnder(factor, stored, options.precision);
    const response = relativeDeviation(await compareOutputs(network, [unrounded, rounded], options));
    most = Math.max(most, response);
  }
  return most;
}

/** The parameters times a factor, stored in every type that they pass through, over the factor. */
function roundedUnder(
  factor: number,
  [a, b]: readonly [Parameters, Parameters],
  precision: CompareOptions["precision"],
): Parameters {
  const rounded = Object.entries(a).map(([name, value]) => {
    const types = [value.dtype, (b[name] as Tensor).dtype, precision];
    const scaled = tensor(
      "float64",
      value.shape,
      toNumbers(value).map((x) => x * factor),
    );
    const narrow = types.reduce<Tensor>(convert, scaled);
    return [
      name,
      tensor(
        "float64",
        value.shape,
        toNumbers(narrow).map((x) => x / factor),
      ),
    ] as const;
  });
  return inPrecision(Object.fromEntries(rounded), precision);
}

/** The end of a stack: among random inputs the largest. */
function lastFew(stack: Tensor): Tensor {
  const count = stack.shape[0] as number;
  return samplesOf(stack, Math.max(0, count - TRIED), Math.min(count, TRIED));
}
