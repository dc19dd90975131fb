import { type Dataset, standardized } from "../data/index.ts";
import { check } from "../errors.ts";
import type { Network, Parameters } from "../nets/index.ts";
import type { WeightsFile } from "../node/index.ts";
import { type Certificate, certify, type GroupElement, restores } from "../symmetry/index.ts";
import { fold, isLazy, rngKey, sameShape } from "../tensor/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { loadNamed, splitOf } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { numberOf, textOf } from "./values.ts";

/** Options of every command that proves what it wrote. */
export const certificateOptions: Readonly<Record<string, OptionSpec>> = {
  probes: { value: "N", help: "random inputs on which both networks are compared (8, for large networks 2)" },
  tolerance: { value: "X", help: "largest difference of outputs, relative to the largest output" },
  seed: { value: "N", help: "seed of all that is drawn (0)" },
  data: { value: "SET", help: "also compare them on samples of this data set" },
  "data-dir": { value: "DIR", help: "where the set's files lie" },
  split: { value: "NAME", help: "train or test (test)" },
  samples: { value: "N", help: "how many samples (16)" },
  ...engineOptions,
};

/** The number that `--seed` gives. */
export function seedOf(call: Call): number {
  return numberOf(call, "seed", { least: 0, most: 2 ** 32 - 1, whole: true }, 0);
}

/** The key that `--seed` gives. */
export function seedKey(call: Call) {
  return rngKey(seedOf(call));
}

export interface Pair {
  readonly a: Parameters;
  readonly b: Parameters;
  /** What makes b of a, where it is known. */
  readonly element?: GroupElement;
}

/** A certificate, with what else is known of weights that are read tensor by tensor. */
export interface FileCertificate extends Certificate {
  /** Undoing the change gives the weights before it bit by bit; null where that was not tried. */
  readonly isRestored: boolean | null;
}

/** Compares two parameter sets of the network that a file is for; in pieces where they are read so. */
export async function certificateOf(
  weights: WeightsFile,
  { a, b, element }: Pair,
  call: Call,
): Promise<FileCertificate> {
  await using engine = await engineOf(call);
  const probes = numberOf(call, "probes", { least: 1, most: 4096, whole: true });
  const tolerance = numberOf(call, "tolerance", { above: 0 });
  const network = weights.network();
  const data = await samplesOf(call, network);
  const inPieces = Object.values(b).some(isLazy);
  const isRestored = inPieces && element ? restores(weights.discovery.group, element, { before: a, after: b }) : null;
  const certificate = await certify(network, a, b, {
    engine,
    key: fold(seedKey(call), "probes"),
    ...(probes !== undefined && { probes }),
    ...(tolerance !== undefined && { tolerance }),
    ...(data && { data }),
    ...(element && { element }),
    inPieces,
  });
  if (isRestored !== false) return { ...certificate, isRestored };
  return { ...certificate, isRestored, ok: false, reason: "undoing the change does not give the weights before it" };
}

const defaultSamples = "16";

/** The samples that `--data` names, on which networks for them are compared too; null without. */
export async function samplesOf(call: Call, network: Network) {
  const name = textOf(call, "data");
  if (name === undefined) return null;
  const { dataset } = await loadNamed(name, call);
  checkInputs(network, dataset);
  const options = { ...call.options, samples: textOf(call, "samples") ?? defaultSamples };
  return standardized(splitOf({ ...call, options }, dataset).split.inputs, dataset.normalization, "float64");
}

function checkInputs({ description, inputShape, inputKind }: Network, { name, sampleShape }: Dataset): void {
  const expected = inputKind === "real" ? inputShape.join(" x ") : "tokens";
  check(inputKind === "real" && sameShape(inputShape, sampleShape), () => ({
    code: "bad-fit",
    where: description.net,
    message: `expected samples of ${expected}, got ${name} with ${sampleShape.join(" x ")}`,
    remedy: "name the data set that the network is for, or leave --data out",
  }));
}

/** A certificate as the contract of the command line has it. */
export function certificateJson({ maxRelative, tolerance, probes, ok, ...more }: FileCertificate) {
  return { maxRelative: finite(maxRelative), tolerance, probes, ok, ...more, outputScale: finite(more.outputScale) };
}

/** JSON has no infinity. */
function finite(x: number): number | null {
  return Number.isFinite(x) ? x : null;
}

/** A certificate as lines for a person. */
export function certificateLines(certificate: FileCertificate): string[] {
  const { ok, isExact, inPieces, isRestored, maxRelative, tolerance, probes, precision } = certificate;
  const { reason, firstDifference } = certificate;
  if (isExact) return ["certificate: the same bit by bit"];
  const how = inPieces ? `${precision}, piece by piece` : precision;
  const found = `outputs differ by ${maxRelative.toExponential(1)} of the largest on ${probes} inputs in ${how}`;
  const restored = isRestored ? ["certificate: undone, it gives the weights before it bit by bit"] : [];
  if (ok) return [`certificate: same function, ${found} (tolerance ${tolerance.toExponential(1)})`, ...restored];
  const where = firstDifference ? [`first layer that differs: ${firstDifference.layer}`] : [];
  return [`certificate: NOT the same function: ${reason ?? found}`, ...where];
}
