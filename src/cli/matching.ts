import type { MatchOptions, MatchProgress } from "../align/index.ts";
import type { Engine } from "../engine/index.ts";
import type { ProgressBar } from "../node/index.ts";
import { fold } from "../tensor/index.ts";
import { seedKey } from "./certificate.ts";
import type { Call } from "./command.ts";

/** Starts of the descent, unless told otherwise. */
export const defaultRestarts = 2;

interface Matching {
  readonly engine: Engine;
  readonly bar: ProgressBar;
  readonly restarts?: number;
}

/** How units are matched by every command that does: with the key of `--seed`, and a bar that says how far it is. */
export function matchOptions(call: Call, { engine, bar, restarts = defaultRestarts }: Matching): MatchOptions {
  const onProgress = ({ restart, sweep, done, total, open }: MatchProgress) => {
    const label = sweep === null ? "fingerprints" : `start ${restart + 1} of ${restarts}, sweep ${sweep + 1}`;
    bar.update({ label, done, total, unit: "set", note: `sets open: ${open}` });
  };
  return { engine, key: fold(seedKey(call), "align"), restarts, onProgress };
}
