import type { Dataset } from "../data/index.ts";
import type { Engine } from "../engine/index.ts";

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;

/** An object of JSON. */
export interface JsonObject {
  readonly [name: string]: Json;
}

/** How much of a paper is run. */
export interface Scope {
  /** Fewer seeds, and second-order minimisers where the paper trains for long. */
  readonly quick: boolean;
}

/** What a unit of work may use. */
export interface Lab {
  readonly engine: Engine;
  readonly signal: AbortSignal;
  /** A data set by name; throws an InputError where it cannot be had. */
  dataset(name: string): Promise<Dataset>;
  /** Says how far the unit of work is, from 0 to 1. */
  onProgress(fraction: number): void;
}

/** A number or a short text, as it stands in a table. */
export type Quantity = number | string;

/**
 * The source of a value that a paper does not print: its formula or statement, applied to the case at hand; another program
 * in the same setting; or a corrected statement.
 */
export type Origin = "formula" | "program" | "correction";

/** A statement of a paper and what came of it. */
export interface Claim {
  readonly id: string;
  readonly claim: string;
  /** What the paper says. */
  readonly published: Quantity;
  /** Where that is from, if the paper does not print it. */
  readonly origin?: Origin;
  readonly measured: Quantity | null;
  /** "different": not what was published, for the reason in `why`. */
  readonly status: "pass" | "fail" | "different" | "not-run";
  readonly why?: string;
  /** How it was measured, where that is not what the paper did. */
  readonly method?: string;
  /** A command that shows the same. */
  readonly command?: string;
}

/** A figure with the numbers that are in it. */
export interface Figure {
  readonly id: string;
  readonly title: string;
  readonly caption: string;
  readonly svg: string;
  readonly data: DataTable;
  /** A command that draws it alone, where there is one. */
  readonly command?: string;
}

/** Rows of numbers and texts under the names of their columns. */
export interface DataTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly Quantity[])[];
}

export interface Findings {
  readonly claims: readonly Claim[];
  readonly figures: readonly Figure[];
}

/** A unit of work that was done, and what came of it. */
export interface Outcome<Task, Result> {
  readonly task: Task;
  readonly result: Result;
}

/** What a study concludes from. */
export interface Evidence<Task, Result> extends Scope {
  readonly outcomes: readonly Outcome<Task, Result>[];
  /** Why units of work could not be done, where their data cannot be had. */
  readonly missing: string | null;
}

/** Some claims of a paper that rest on the same work; tasks and results are plain JSON. */
export interface Study<Task extends JsonObject = JsonObject, Result = Json> {
  readonly name: string;
  /** The units of work, each after those that it builds on. */
  tasks(scope: Scope): readonly Task[];
  /** Does a unit of work; `resultOf` gives that of an earlier one. */
  run(task: Task, lab: Lab, resultOf: (task: Task) => Promise<Result>): Promise<Result>;
  conclude(evidence: Evidence<Task, Result>): Findings | Promise<Findings>;
}

/** A paper: what it is, and the studies that repeat it. */
export interface Paper {
  readonly name: string;
  readonly title: string;
  readonly authors: string;
  readonly year: number;
  readonly arxiv: string;
  /** What is repeated, in a sentence or two. */
  readonly summary: string;
  readonly studies: readonly Study[];
}

/** A study among others, which need not know its types of tasks and results. */
export function study<Task extends JsonObject, Result>(typed: Study<Task, Result>): Study {
  return typed as unknown as Study;
}
