import { canonicalForm, orbitHash } from "../symmetry/index.ts";
import { certificateOptions } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { weightsOf, weightsOptions } from "./weights-options.ts";
import { checkOutput, describeElement, outputOptions, writeCertified } from "./written-weights.ts";

export const command: Command = {
  summary: "one representative of all weights equal up to symmetry",
  usage: "<model> -o <file> [options]",
  options: { ...outputOptions, ...weightsOptions, ...certificateOptions },
  positionals: [1, 1],
  examples: ["canonicalize model.onnx -o canonical.onnx", "canonicalize resnet18.pth -o canonical.safetensors"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  await using weights = await weightsOf(path, call);
  await checkOutput(call, weights);
  const { group } = weights.discovery;
  const before = await weights.read();
  const { parameters: after, element } = canonicalForm(group, before);
  return await writeCertified(call, { weights, before, after, element }, async () => {
    const { hash, margin } = await orbitHash(group, after);
    const known = Number.isFinite(margin) ? hash : null;
    return {
      json: { hash: known, margin },
      text: [describeElement(element, group.factors), `hash ${known ?? "unknown: a weight is infinite"}`],
    };
  });
}
