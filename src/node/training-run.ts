import { existsSync } from "node:fs";
import { openSafetensors } from "../checkpoint/index.ts";
import type { Dataset } from "../data/index.ts";
import { check, InputError } from "../errors.ts";
import type { Network } from "../nets/index.ts";
import {
  DivergenceError,
  encodeState,
  type Progress,
  type RunSettings,
  readState,
  type TrainingState,
  type TrainOptions,
  train,
} from "../train/index.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { fileSource } from "./file-source.ts";

export interface TrainingRun {
  readonly network: Network;
  readonly dataset: Dataset;
  readonly options: TrainOptions;
  /** Everything that the result depends on; a state is resumed only under equal settings. */
  readonly settings: RunSettings;
  /** Where the state is kept while the run is unfinished. */
  readonly statePath: string;
  readonly resume: boolean;
  readonly signal: AbortSignal;
  onStep(progress: Progress): void;
}

export interface TrainingResult {
  readonly state: TrainingState;
  /** Steps taken by this run, without those before it was resumed. */
  readonly steps: number;
}

/** A crash loses at most this much work. */
const saveEveryMilliseconds = 60_000;

/**
 * Trains as `train` does and keeps the state in a file: every minute, when `signal` stops the run, and the last good one
 * when it diverges. The file is left for the caller to remove once the result is safe.
 */
export async function runTraining(run: TrainingRun): Promise<TrainingResult> {
  const resumeFrom = run.resume ? await loadState(run) : undefined;
  const steps = train(run.network, run.dataset, { ...run.options, ...(resumeFrom && { resumeFrom }) });
  let saved = performance.now();
  try {
    for (let next = await steps.next(); ; next = await steps.next()) {
      if (next.done) return { state: next.value, steps: next.value.step - (resumeFrom?.step ?? 0) };
      const progress = next.value;
      run.onStep(progress);
      if (run.signal.aborted) return await interrupt(run, progress);
      if (performance.now() - saved > saveEveryMilliseconds) {
        await saveState(run, progress.snapshot());
        saved = performance.now();
      }
    }
  } catch (error) {
    throw error instanceof DivergenceError ? await keepLastGood(run, error) : error;
  } finally {
    await steps.return(undefined as never);
  }
}

async function loadState({ statePath, settings }: TrainingRun): Promise<TrainingState> {
  check(existsSync(statePath), () => ({
    code: "nothing-to-resume",
    where: statePath,
    message: "expected the state of an interrupted run, got no such file",
    remedy: "start anew without --resume",
  }));
  await using source = await fileSource(statePath);
  return await readState(await openSafetensors(source), settings, statePath);
}

async function saveState({ statePath, settings }: TrainingRun, state: TrainingState): Promise<void> {
  await writeFileAtomically(statePath, encodeState(state, settings), { force: true });
}

async function interrupt(run: TrainingRun, progress: Progress): Promise<never> {
  await saveState(run, progress.snapshot());
  throw new InputError({
    code: "interrupted",
    where: "train",
    message: `stopped after step ${progress.step} of ${progress.steps}`,
    remedy: "the same command with --resume goes on from there",
  });
}

async function keepLastGood(run: TrainingRun, error: DivergenceError): Promise<InputError> {
  await saveState(run, error.lastGood);
  return new InputError({
    code: error.code,
    where: "train",
    message: error.detail,
    remedy: `${error.remedy}; the last good state, after step ${error.lastGood.step}, is in ${run.statePath}`,
    cause: error,
  });
}
