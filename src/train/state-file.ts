import { type Checkpoint, encodeSafetensors, readAll } from "../checkpoint/index.ts";
import { InputError } from "../errors.ts";
import type { TrainingState } from "./state.ts";

const stateKey = "orbifold.training-state";

/** What a run was started with, as JSON: a state goes on only under the same settings. */
export type RunSettings = Readonly<Record<string, unknown>>;

/** A training state as a safetensors file. */
export function encodeState({ tensors, ...rest }: TrainingState, settings: RunSettings): Uint8Array<ArrayBuffer>[] {
  return encodeSafetensors(tensors, { [stateKey]: JSON.stringify({ ...rest, settings }) });
}

/** The state in a file; throws an InputError unless it was written under the same settings. */
export async function readState(checkpoint: Checkpoint, settings: RunSettings, where: string): Promise<TrainingState> {
  const { settings: written, ...rest } = parse(checkpoint.metadata[stateKey], where);
  const changed = [...new Set([...Object.keys(settings), ...Object.keys(written)])].find(
    (name) => JSON.stringify(settings[name]) !== JSON.stringify(written[name]),
  );
  if (changed !== undefined) {
    throw new InputError({
      code: "bad-state",
      where,
      message: `expected ${changed} ${JSON.stringify(written[changed])} of the run to resume, got ${JSON.stringify(settings[changed])}`,
      remedy: "resume with the same options, or start anew without --resume",
    });
  }
  return { ...rest, tensors: await readAll(checkpoint) };
}

type Written = Omit<TrainingState, "tensors"> & { readonly settings: RunSettings };

function parse(text: string | undefined, where: string): Written {
  try {
    const written = JSON.parse(text ?? "") as Written;
    const isState = Number.isSafeInteger(written.step) && written.step >= 0 && Array.isArray(written.history);
    const isComplete = isState && Object(written.settings) === written.settings;
    if (isComplete && Array.isArray(written.lossSums) && Array.isArray(written.errorSums)) return written;
  } catch {
    // Reported below, together with JSON of another form.
  }
  throw new InputError({
    code: "bad-state",
    where,
    message: "expected the state of a training run, got a file without one",
    remedy: "start anew without --resume",
  });
}
