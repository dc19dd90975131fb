import type { Parameters } from "../nets/index.ts";
import type { WeightsFile } from "../node/index.ts";
import { type GroupElement, movedUnits } from "../symmetry/index.ts";
import { certificateJson, certificateLines, certificateOf, type FileCertificate } from "./certificate.ts";
import type { Call, OptionSpec, Outcome } from "./command.ts";
import { requiredText } from "./values.ts";
import { notesOn } from "./weights-options.ts";

/** Options of every command that writes weights. */
export const outputOptions: Readonly<Record<string, OptionSpec>> = {
  out: { short: "o", value: "FILE", help: "where to write: .safetensors or .npz, .onnx for an ONNX file" },
  force: { help: "replace the file if it is there" },
};

/** The file that `-o` names. */
export function outputOf(call: Call): string {
  return requiredText(call, "out", "say with -o where to write");
}

/** Throws unless the weights can be written where `-o` says. */
export function checkOutput(call: Call, weights: WeightsFile): Promise<void> {
  return weights.checkTarget(outputOf(call), { force: call.options.force === true });
}

interface Change {
  readonly weights: WeightsFile;
  readonly before: Parameters;
  readonly after: Parameters;
  /** What makes one of the other, where nothing else does. */
  readonly element?: GroupElement;
}

/** Writes other weights of the same function, if the certificate says that they are; what was done, with exit status 1 if not. */
export async function writeCertified(
  call: Call,
  { weights, before, after, element }: Change,
  describe: (
    certificate: FileCertificate,
  ) => Promise<{ json: Readonly<Record<string, unknown>>; text: readonly string[] }>,
): Promise<Outcome> {
  const output = outputOf(call);
  const certificate = await certificateOf(weights, { a: before, b: after, ...(element && { element }) }, call);
  const { json, text } = await describe(certificate);
  const proof = { assumptions: weights.assumptions, certificate: certificateJson(certificate) };
  const lines = [...notesOn(weights), ...text, ...certificateLines(certificate)];
  if (!certificate.ok)
    return { json: { output: null, ...json, ...proof }, text: [...lines, "nothing written"], status: 1 };
  await weights.write(output, after, { force: call.options.force === true });
  return { json: { output, ...json, ...proof }, text: [...lines, `written to ${output}`] };
}

/** How much of a group an element moves, as a line for a person. */
export function describeElement(element: GroupElement, factors: readonly { readonly size: number }[]): string {
  const moved = element.permutations.reduce((count, units, i) => count + movedUnits(units, factors[i]?.size ?? 1), 0);
  const units = element.permutations.reduce((count, { length }) => count + length, 0);
  const scaled = element.scales.reduce((count, scales) => count + scales.filter(isScaled).length, 0);
  const flipped = element.scales.reduce((count, scales) => count + scales.filter((s) => s < 0).length, 0);
  return `${moved} of ${units} units moved, ${scaled} scaled, ${flipped} flipped`;
}

/** Elements that are found, not drawn, are known up to rounding. */
function isScaled(scale: number): boolean {
  return Math.abs(Math.abs(scale) - 1) > 1e-5;
}
