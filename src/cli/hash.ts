import { check } from "../errors.ts";
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
  check(Number.isFinite(margin), () => ({
    code: "not-finite",
    where: path,
    message: "expected finite weights, got an infinite one",
    remedy: "a mask of minus infinity has to be computed, not stored",
  }));
  const doubt = "a number lies so close to where it is rounded that scaled copies may get another hash";
  const { assumptions } = weights;
  return { json: { hash, margin, assumptions }, text: [hash, ...notesOn(weights), ...(margin < 1 ? [doubt] : [])] };
}
