import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { encodeSafetensors, openSafetensors, readAll } from "../checkpoint/index.ts";
import { InputError } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { fileSource } from "./file-source.ts";
import { weightsDigest } from "./weights-digest.ts";

/** How far some long work has come. */
export interface PartialWork {
  readonly tensors: Parameters;
  readonly rest: unknown;
}

const partialKey = "orbifold.partial";

/** Keeps in a file how far the work of some settings has come, instead of what the file held before. */
export async function writePartial(path: string, { tensors, rest }: PartialWork, settings: unknown): Promise<void> {
  const told = JSON.stringify({ settings, rest, digest: digestOf({ tensors, rest }) });
  await writeFileAtomically(path, encodeSafetensors(tensors, { [partialKey]: told }), { force: true });
}

function digestOf({ tensors, rest }: PartialWork): string {
  return createHash("sha256")
    .update(`${weightsDigest(tensors)} ${JSON.stringify(rest)}`)
    .digest("hex");
}

/** How far the work of these settings has come; "other" where the file is damaged or of other work, "none" without one. */
export async function readPartial(path: string, settings: unknown): Promise<PartialWork | "none" | "other"> {
  if (!existsSync(path)) return "none";
  try {
    await using source = await fileSource(path);
    const checkpoint = await openSafetensors(source);
    const told = parse(checkpoint.metadata[partialKey]);
    if (JSON.stringify(told?.settings) !== JSON.stringify(settings)) return "other";
    const tensors = await readAll(checkpoint);
    const work = { tensors, rest: told?.rest };
    return told?.digest === digestOf(work) ? work : "other";
  } catch (error) {
    if (error instanceof InputError) return "other";
    throw error;
  }
}

interface Told extends Pick<PartialWork, "rest"> {
  readonly settings: unknown;
  readonly digest: string;
}

function parse(text: string | undefined): Told | null {
  try {
    return JSON.parse(text ?? "null") as Told | null;
  } catch {
    return null;
  }
}
