import { orbitHash } from "../symmetry/index.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "the identity of a network modulo its symmetries",
  usage: "<model> [options]",
  options: weightsOptions,
  positionals: [1, 1],
  examples: ["hash model.onnx"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  await using weights = await weightsOf(path, call);
  const { hash, margin } = await orbitHash(weights.discovery.group, await weights.read());
  const doubt = "a number lies so close to where it is rounded that scaled copies may get another hash";
  return { json: { hash, margin }, text: [hash, ...notesOn(weights), ...(margin < 1 ? [doubt] : [])] };
}
