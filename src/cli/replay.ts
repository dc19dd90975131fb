import { rotate } from "../align/index.ts";
import { check } from "../errors.ts";
import { weightsDigest } from "../node/index.ts";
import { act } from "../symmetry/index.ts";
import { certificateOptions } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { elementFromJson, matricesFromJson, readSidecar } from "./sidecar.ts";
import { memoryOptions, mostBytesOf, weightsOf } from "./weights-options.ts";
import { checkOutput, describeElement, writeCertified } from "./written-weights.ts";

export const command: Command = {
  summary: "do an alignment again, to the same bytes",
  usage: "<sidecar.json> [options]",
  options: {
    out: { short: "o", value: "FILE", help: "where to write; otherwise where the alignment wrote" },
    force: { help: "replace the file if it is there" },
    ...memoryOptions,
    ...certificateOptions,
  },
  positionals: [1, 1],
  examples: ["replay b-like-a.safetensors.json -o again.safetensors"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [path] = call.positionals as readonly [string];
  const sidecar = await readSidecar(path);
  const { b } = sidecar.inputs;
  const options = { ...sidecar.options, ...call.options, out: call.options.out ?? sidecar.output.path };
  const full = { ...call, options };
  await using weights = await weightsOf(b.path, full);
  await checkOutput(full, weights);
  const before = await weights.read({ mostBytes: mostBytesOf(full) });
  check(weightsDigest(before) === b.digest, () => ({
    code: "other-weights",
    where: b.path,
    message: "expected the weights that were aligned, got others",
    remedy: "put the original back, or align again",
  }));
  const { group } = weights.discovery;
  const element = elementFromJson(group, sidecar.element, path);
  const matrices = sidecar.matrices && matricesFromJson(group, sidecar.matrices, path);
  const after = matrices ? rotate(group, { element, matrices }, before) : act(group, element, before);
  check(weightsDigest(after) === sidecar.output.digest, () => ({
    code: "bad-sidecar",
    where: path,
    message: "expected the weights that the alignment wrote, got others",
    remedy: "take the sidecar as orbifold align wrote it",
  }));
  return await writeCertified(full, { weights, before, after, ...(!matrices && { element }) }, async () => ({
    json: { sidecar: path },
    text: [describeElement(element, group.factors)],
  }));
}
