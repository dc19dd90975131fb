import { rmSync } from "node:fs";
import { type Match, type MatchOptions, type MatchState, restoreState, storeState } from "../align/index.ts";
import { InputError } from "../errors.ts";
import { readPartial, writePartial } from "../node/index.ts";
import { interruptSignal } from "./interrupt.ts";

/** A crash loses at most this much work, or what lies between two states where that takes longer. */
const saveEveryMilliseconds = 10_000;

/** A matching that keeps where it is in a file, until its output is written. */
export interface PartialMatch {
  readonly path: string;
  /** What was in the file: nothing, a matching of the same inputs and options, or something else, which is replaced. */
  readonly found: "none" | "same" | "other";
  /** Matches on from there. */
  match(run: (options: Pick<MatchOptions, "resume" | "onState" | "signal">) => Promise<Match>): Promise<Match>;
  remove(): void;
}

interface PartialOptions {
  /** Everything that the result depends on. */
  readonly settings: Readonly<Record<string, unknown>>;
  /** Keep the state after every set of units, as each takes long. */
  readonly isLarge: boolean;
}

/** Looks where an earlier matching was. */
export async function openPartial(path: string, { settings: given, isLarge }: PartialOptions): Promise<PartialMatch> {
  // Products of tensors that are read when needed are rounded otherwise.
  const settings = { ...given, isLarge };
  const known = await readPartial(path, settings);
  const resume = typeof known === "string" ? undefined : restoreState(known);
  return {
    path,
    found: typeof known === "string" ? known : "same",
    async match(run) {
      using interrupt = interruptSignal();
      let latest: (() => MatchState) | null = null;
      let saved = performance.now();
      const save = async () => {
        if (latest) await writePartial(path, storeState(latest()), settings);
        saved = performance.now();
      };
      const onState = async (state: () => MatchState) => {
        latest = state;
        if (isLarge || performance.now() - saved > saveEveryMilliseconds) await save();
      };
      try {
        return await run({ onState, signal: interrupt.signal, ...(resume && { resume }) });
      } catch (error) {
        if (!interrupt.signal.aborted) throw error;
        await save();
        throw interrupted(latest !== null || resume !== undefined);
      }
    },
    remove: () => rmSync(path, { force: true }),
  };
}

function interrupted(isKept: boolean): InputError {
  return new InputError({
    code: "interrupted",
    where: "align",
    message: "stopped while matching",
    remedy: isKept ? "the same command goes on from there" : "the same command starts anew",
  });
}

/** What was found, as lines for a person. */
export function partialLines({ path, found }: PartialMatch): string[] {
  if (found === "none") return [];
  return [found === "same" ? `went on from ${path}` : `${path} is damaged or of another alignment: started anew`];
}
