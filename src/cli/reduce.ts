import { defaultThresholds, type Reduction, reduce, reductionError } from "../landscape/index.ts";
import { certificateOptions } from "./certificate.ts";
import { modelIn, writeChanged } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { formatCount } from "./format.ts";
import { numberOf } from "./values.ts";
import { weightsOf, weightsOptions } from "./weights-options.ts";
import { outputOf, outputOptions } from "./written-weights.ts";

const { angle, size, zero } = defaultThresholds;

export const command: Command = {
  summary: "a network without equal, cancelling and constant units",
  usage: "<model> -o <file> [options]",
  options: {
    angle: { value: "DEG", help: `largest angle between incoming weights of equal units (${angle})` },
    size: { value: "X", help: `largest difference of their lengths, relative to the longer (${size})` },
    zero: { value: "X", help: `largest length of weights that count as zero (${zero})` },
    ...outputOptions,
    out: { short: "o", value: "FILE", help: "where to write: .onnx, or .safetensors or .npz for an mlp" },
    ...weightsOptions,
    ...certificateOptions,
    tolerance: {
      value: "X",
      help: "largest difference of outputs, relative to the largest (rounding, or ten times that of merged units)",
    },
  },
  positionals: [1, 1],
  examples: ["reduce wide.safetensors -o core.safetensors --angle 0.01"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  outputOf(call);
  const thresholds = {
    angle: numberOf(call, "angle", { least: 0, below: 90 }, angle),
    size: numberOf(call, "size", { least: 0, below: 1 }, size),
    zero: numberOf(call, "zero", { least: 0 }, zero),
  };
  await using weights = await weightsOf(path, call);
  const before = await modelIn(weights);
  const after = await reduce(before, thresholds);
  const { layers, others } = after;
  return await writeChanged(
    call,
    { weights, before, after, tolerance: toleranceFor(after) },
    {
      json: {
        thresholds,
        layers: layers.map(({ copies, zeroGroups, ...layer }) => ({
          ...layer,
          after: copies.length,
          copies,
          zeroGroups,
        })),
        others: others.map(({ name, reason }) => ({ name, reason: reason.detail })),
      },
      text: [
        `equal: within ${thresholds.angle} ${thresholds.angle === 1 ? "degree" : "degrees"} and ${thresholds.size} of the length; zero: up to ${thresholds.zero}`,
        ...layers.map(describe),
        ...others.map(({ name, reason }) => `${name}: left alone: ${reason.detail}`),
      ],
    },
  );
}

/** Where merged units differ by no more than this they are equal up to rounding. */
const rounding = 1e-9;

/** A larger difference of outputs is another function, whatever was merged. */
const mostTolerance = 0.1;

/** Ten times what merged units differ by; undefined where that is rounding, which the certificate knows. */
function toleranceFor(reduction: Reduction): number | undefined {
  const worst = reductionError(reduction);
  const error = (worst.angle * Math.PI) / 180 + worst.size + worst.dropped;
  return error > rounding ? Math.min(10 * error, mostTolerance) : undefined;
}

function describe({ name, before, copies, zeroGroups, constants, opposite }: Reduction["layers"][number]): string {
  const after = copies.length;
  if (after === before)
    return `${name}: ${formatCount(before)} units, none superfluous${oppositeText(opposite.length)}`;
  const merged = copies.reduce((sum, units) => sum + units.length - 1, 0);
  const cancelled = zeroGroups.reduce((sum, units) => sum + units.length, 0);
  const parts = [
    [merged, "merged"],
    [cancelled, "cancelled"],
    [constants.length, "constant"],
  ] as const;
  const said = parts.flatMap(([count, word]) => (count > 0 ? [`${formatCount(count)} ${word}`] : []));
  return `${name}: ${formatCount(before)} units to ${formatCount(after)}: ${said.join(", ")}${oppositeText(opposite.length)}`;
}

function oppositeText(pairs: number): string {
  return pairs === 0 ? "" : `; ${formatCount(pairs)} opposite pairs are one unit but for a linear function`;
}
