import type { Engine } from "../../engine/index.ts";
import { check } from "../../errors.ts";
import type { GroupElement } from "../../symmetry/index.ts";
import type { RngKey } from "../../tensor/index.ts";
import { describeMatch, type Match, type Matching } from "../matching/index.ts";
import { gapsAt, type MatchOptions } from "../weights/index.ts";

export interface LearnedMatchOptions {
  readonly engine: Engine;
  readonly key: RngKey;
  /** Starts of the matching by weights that comes first; defaults to 2. */
  readonly restarts?: number;
  /** Gradient steps; defaults to 200. */
  readonly steps?: number;
  /** Of Adam; defaults to 0.003 for weights and to 0.1 for the logits of soft permutations. */
  readonly learningRate?: number;
  /** Samples per step; defaults to 256. */
  readonly batchSize?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: (progress: LearnedMatchProgress) => void;
}

export interface LearnedMatchProgress {
  readonly step: number;
  readonly steps: number;
  /** What is descended, on the batch of the step where it is a loss. */
  readonly value: number;
}

/** A match that was learned. */
export interface LearnedMatch extends Match {
  /** What it was learned for: there matching by weights ended, and there it ended itself. */
  readonly learned: Learned;
}

export interface Learned {
  /** The squared distance of the weights, or the mean loss half-way between both networks. */
  readonly measure: "distance" | "midpoint-loss";
  readonly before: number;
  readonly after: number;
}

/** Throws an InputError unless learning can be done like this. */
export function checkLearning(options: Required<Pick<LearnedMatchOptions, "steps" | "learningRate" | "batchSize">>) {
  const { steps, learningRate, batchSize } = options;
  const need = (condition: boolean, where: string, message: string) =>
    check(condition, () => ({ code: "bad-option", where, message }));
  for (const [name, count] of Object.entries({ steps, "batch size": batchSize })) {
    need(Number.isInteger(count) && count >= 1, name, `expected a whole number of at least 1, got ${count}`);
  }
  const isRate = learningRate > 0 && Number.isFinite(learningRate);
  need(isRate, "learning rate", `expected a positive number, got ${learningRate}`);
}

/** Of a learned match those options that matching by weights has too; progress is that of learning alone. */
export function weightOptions({ engine, key, restarts = 2, signal }: LearnedMatchOptions): MatchOptions {
  return { engine, key, restarts, signal };
}

/** Describes a learned element for a pair. */
export async function describeLearned(
  matching: Matching,
  element: GroupElement,
  { starts, learned }: Pick<LearnedMatch, "starts" | "learned">,
): Promise<LearnedMatch> {
  const gaps = await gapsAt(matching, element);
  return { ...describeMatch(matching, element, { starts, gaps }), learned };
}
