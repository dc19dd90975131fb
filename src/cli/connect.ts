import { connect } from "../landscape/index.ts";
import { modelIn } from "./changed-network.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { walkOptions, walkOutcome } from "./constant-walk.ts";
import { checkSameNetwork, checkSameTypes } from "./same-network.ts";
import { textOf } from "./values.ts";
import { weightsOf } from "./weights-options.ts";

export const command: Command = {
  summary: "walk at constant loss between two expansions of a network",
  usage: "<a> <b> [--layer L] [options]",
  options: {
    layer: { value: "NAME", help: "the only layer in which they differ, by name or number as in the census" },
    ...walkOptions,
  },
  positionals: [2, 2],
  examples: ["connect wide.safetensors other.safetensors -o walk"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [first, second] = call.positionals as readonly [string, string];
  await using weights = await weightsOf(first, call);
  await using other = await weightsOf(second, call);
  checkSameNetwork(weights, other);
  const [model, { parameters: end }] = [await modelIn(weights), await modelIn(other)];
  checkSameTypes(model.parameters, end, second);
  const layer = textOf(call, "layer");
  const walk = connect(model.network, [model.parameters, end], { ...(layer !== undefined && { layer }) });
  const isWide = Object.values(model.parameters).every(({ dtype }) => dtype === "float64");
  return await walkOutcome(call, { weights, model, walk, tolerance: isWide ? roundings.wide : roundings.narrow });
}

/** What the rounding of both networks, which stays in their weights, may do to outputs. */
const roundings = { wide: 1e-9, narrow: 1e-5 };
