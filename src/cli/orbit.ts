import { act, randomElement } from "../symmetry/index.ts";
import { fold } from "../tensor/index.ts";
import { certificateOptions, seedKey } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { numberOf } from "./values.ts";
import { weightsOf, weightsOptions } from "./weights-options.ts";
import { checkOutput, describeElement, outputOptions, writeCertified } from "./written-weights.ts";

export const command: Command = {
  summary: "other weights of the same function, drawn from the orbit",
  usage: "<model> -o <file> --seed N [options]",
  options: {
    ...outputOptions,
    spread: { value: "X", help: "scales are drawn between 1/X and X; 1 for permutations and signs alone (2)" },
    ...weightsOptions,
    ...certificateOptions,
  },
  positionals: [1, 1],
  examples: ["orbit model.onnx -o twin.onnx --seed 1"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  const spread = numberOf(call, "spread", { least: 1, most: 1000 }, 2);
  await using weights = await weightsOf(path, call);
  await checkOutput(call, weights);
  const { group } = weights.discovery;
  const before = await weights.read();
  const element = randomElement(group, fold(seedKey(call), "orbit"), { spread });
  const after = act(group, element, before);
  return await writeCertified(call, { weights, before, after, element }, async () => ({
    json: {},
    text: [describeElement(element, group.factors)],
  }));
}
