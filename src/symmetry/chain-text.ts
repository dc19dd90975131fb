import type { Link } from "./explain.ts";
import { pointwiseOperators } from "./operator-words.ts";

export interface ChainTextOptions {
  /** Characters that the text should not exceed; defaults to no limit. */
  readonly width?: number;
}

/**
 * A chain on one line: `a --Conv makes the channels of its result--> b`. Where that is too wide, a run of pointwise
 * operators becomes one arrow, and then the middle becomes one; the first and the last arrow always stay.
 */
export function chainText(chain: readonly Link[], { width = Number.POSITIVE_INFINITY }: ChainTextOptions = {}): string {
  const whole = chain.map(arrowOf);
  const short = runsOf(chain).map(runArrow);
  let text = textOf(textOf(whole).length > width ? short : whole);
  for (let kept = short.length - 2; kept >= 2 && text.length > width; kept--) text = textOf(withoutMiddle(short, kept));
  return text;
}

interface Arrow {
  readonly from: string;
  readonly text: string;
  readonly to: string;
  /** How many links it stands for. */
  readonly links: number;
}

function arrowOf({ from, operator, how, to }: Link): Arrow {
  return { from, text: `${operator} ${how}`, to, links: 1 };
}

/** Runs of successive pointwise operators, and every other link alone. */
function runsOf(chain: readonly Link[]): Link[][] {
  const runs: Link[][] = [];
  for (const link of chain) {
    const before = runs.at(-1)?.at(-1);
    const continues = before && [before, link].every(({ operator }) => pointwiseOperators.has(operator));
    if (continues) runs.at(-1)?.push(link);
    else runs.push([link]);
  }
  return runs;
}

function runArrow(run: readonly Link[]): Arrow {
  const [first, last] = [run[0], run.at(-1)] as [Link, Link];
  if (run.length === 1) return arrowOf(first);
  const operators = [...new Set(run.map(({ operator }) => operator))].join(", ");
  return { from: first.from, text: `${run.length} times ${operators}`, to: last.to, links: run.length };
}

/** The first and last of `kept` arrows, and one in between that stands for the rest. */
function withoutMiddle(arrows: readonly Arrow[], kept: number): Arrow[] {
  const head = arrows.slice(0, Math.ceil(kept / 2));
  const tail = arrows.slice(arrows.length - Math.floor(kept / 2));
  const links = arrows.slice(head.length, arrows.length - tail.length).reduce((sum, arrow) => sum + arrow.links, 0);
  const [from, to] = [(head.at(-1) as Arrow).to, (tail[0] as Arrow).from];
  return [...head, { from, text: `${links} more operators`, to, links }, ...tail];
}

function textOf(arrows: readonly Arrow[]): string {
  return arrows.map(({ from, text, to }, i) => `${i === 0 ? from : ""} --${text}--> ${to}`).join("");
}
