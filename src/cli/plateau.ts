import { check } from "../errors.ts";
import { plateauWalk } from "../landscape/index.ts";
import { modelIn } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { walkOptions, walkOutcome } from "./constant-walk.ts";
import { numbersOf, requiredText } from "./values.ts";
import { weightsOf } from "./weights-options.ts";

export const command: Command = {
  summary: "walk at constant loss to another numbering of a layer",
  usage: "<model> --layer L --units I,J --to N,N,.. [options]",
  options: {
    layer: { value: "NAME", help: "the layer, by name or number as in the census" },
    units: { value: "I,J", help: "its two units with equal incoming weights, counted from 0" },
    to: { value: "N,N,..", help: "which unit comes to each place; all for every numbering and back" },
    ...walkOptions,
  },
  positionals: [1, 1],
  examples: ["plateau wide.safetensors --layer layers.0 --units 0,1 --to 3,1,0,2"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  const units = pairOf(call);
  const to = numberingOf(call);
  await using weights = await weightsOf(path, call);
  const model = await modelIn(weights);
  const layer = requiredText(call, "layer", "name a layer of orbifold census");
  const walk = plateauWalk(model, { layer, units, to });
  return await walkOutcome(call, { weights, model, walk, tolerance: rounding });
}

/** Splitting and joining outgoing weights rounds them. */
const rounding = 1e-12;

/** The two units that `--units` names. */
export function pairOf(call: Call): readonly [number, number] {
  const units = numbersOf(call, "units", { least: 0, whole: true });
  check(units?.length === 2, () => ({
    code: "usage",
    where: "--units",
    message: `expected two units of the layer, such as 0,1, got ${units?.join(",") ?? "none"}`,
  }));
  return units as unknown as readonly [number, number];
}

function numberingOf(call: Call): readonly number[] | "all" {
  const text = requiredText(call, "to", "say which unit comes to each place, such as 3,1,0,2");
  return text === "all" ? text : (numbersOf(call, "to", { least: 0, whole: true }) as number[]);
}
