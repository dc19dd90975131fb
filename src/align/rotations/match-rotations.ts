import { check } from "../../errors.ts";
import type { Parameters } from "../../nets/index.ts";
import {
  absorbGains,
  absorbingElement,
  act,
  compose,
  inverse,
  movedUnits,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import { fold, permutation, type Tensor } from "../../tensor/index.ts";
import { headSets } from "../heads/index.ts";
import {
  type ClassMatch,
  checkSame,
  cosine,
  gramEngine,
  inFloats,
  innerProduct,
  type Match,
  type Matching,
  matchingOf,
  siteRuns,
} from "../matching/index.ts";
import type { MatchOptions, MatchProgress } from "../weights/index.ts";
import type { Rotations } from "./best-matrices.ts";
import { procrustesOn } from "./procrustes.ts";
import { isStream, type Rotation, rotate } from "./rotate.ts";
import { rotatedTensors } from "./rotated-tensors.ts";
import { blocksOf, improved, objectiveIn, type RotationBlock } from "./rotation-blocks.ts";
import { rotationStarts } from "./rotation-starts.ts";

/** A match in which matrices act as well: `rotate` makes its parameters of the second network. */
export interface RotatedMatch extends Match, Rotation {}

export interface RotationOptions extends Omit<MatchOptions, "onProgress"> {
  readonly onProgress?: (progress: MatchProgress & { readonly objective: number }) => void;
}

/**
 * Matches b to a by permutations, signs and the orthogonal matrices of the group: coordinate descent in which each step
 * is a linear assignment of units, an assignment of heads by what no matrix inside them changes, or the polar factor of a
 * cross-Gram (Procrustes; in planes of rotary positions a complex number of modulus 1). Gains of norms are absorbed on both
 * sides, and b is given those of a; the objective is measured where they are absorbed, and its bound is what no orthogonal
 * matrices can exceed.
 */
export async function matchWithRotations(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  options: RotationOptions,
): Promise<RotatedMatch> {
  const { restarts = 2, engine } = options;
  check(Number.isInteger(restarts) && restarts >= 1, () => ({
    code: "bad-option",
    where: "restarts",
    message: `expected at least 1, got ${restarts}`,
  }));
  checkSame(a, b, group);
  await using grams = gramEngine(engine);
  const absorbed = [a, b].map((each) => withoutGains(group, each)) as [Parameters, Parameters];
  const matching = matchingOf(group, absorbed, { grams, sites: ownSites(group) });
  await using procrustes = await procrustesOn(engine);
  await using rotated = rotatedTensors(matching, engine);
  const work: Rotations = { matching, sets: headSets(group), procrustes, rotated };
  const runs: Descent[] = [];
  for (const start of await rotationStarts(work, { restarts, key: options.key })) {
    const from = { rotation: start.rotation, restart: runs.length };
    runs.push({ start: start.name, ...(await descend(work, from, options)) });
  }
  const best = runs.reduce((most, run) => (run.objective > most.objective ? run : most));
  return {
    ...(await described(work, { a, b, best })),
    starts: runs.map(({ start, objective, sweeps }) => ({ start, objective, sweeps })),
  };
}

/** The parameters in the type that is computed in, with all gains of streams absorbed. */
function withoutGains(group: SymmetryGroup, parameters: Parameters): Parameters {
  const known = Object.keys(group.layouts).map((name) => [name, inFloats(parameters[name] as Tensor)] as const);
  return streams(group).reduce(
    (rest, factor) => absorbGains(group, factor, rest),
    Object.fromEntries(known) as Parameters,
  );
}

/** The factors that have gains to absorb. */
function streams({ factors }: SymmetryGroup): number[] {
  return [...factors.keys()].filter((factor) => (factors[factor]?.gains.length ?? 0) > 0);
}

/** The places of units, without the gains on which no matrix acts. */
function ownSites(group: SymmetryGroup): Matching["sites"] {
  return siteRuns(group).map((sites, factor) => {
    const gains = group.factors[factor]?.gains ?? [];
    return sites.filter(({ tensor }) => !gains.includes(tensor));
  });
}

interface Descent {
  readonly start: Match["starts"][number]["start"];
  readonly rotation: Rotation;
  readonly objective: number;
  readonly sweeps: number;
  readonly gaps: readonly number[];
}

const MOST_SWEEPS = 200;

interface From {
  readonly rotation: Rotation;
  readonly restart: number;
}

async function descend(
  work: Rotations,
  { rotation: start, restart }: From,
  { key, signal, onProgress }: RotationOptions,
): Promise<Omit<Descent, "start">> {
  const { group } = work.matching;
  const blocks = blocksOf(work);
  const open = new Set(blocks);
  const gaps = group.factors.map(() => 0);
  let rotation = start;
  let objective = await objectiveIn(work, rotation, Object.keys(group.layouts));
  let sweeps = 0;
  for (; open.size > 0 && sweeps < MOST_SWEEPS; sweeps++) {
    const order = permutation(fold(key, "order", restart, sweeps), blocks.length);
    const drawn = Array.from(order, (i) => blocks[i] as RotationBlock);
    const due = (sweeps === 0 ? fromTheStart(drawn, group) : drawn).filter((each) => open.has(each));
    for (const [done, block] of due.entries()) {
      signal?.throwIfAborted();
      onProgress?.({ restart, sweep: sweeps, done, total: due.length, open: open.size, objective });
      open.delete(block);
      const step = await improved(work, block, { rotation, signal });
      if (block.kind === "units") gaps[block.factor] = step.gap;
      if (!step.isBetter) continue;
      rotation = step.rotation;
      objective += step.gain;
      for (const other of blocks) if (other.tensors.some((name) => block.tensors.includes(name))) open.add(other);
    }
  }
  return { rotation, objective: await objectiveIn(work, rotation, Object.keys(group.layouts)), sweeps, gaps };
}

/**
 * The order of the first sweep: what the start places well comes before what it leaves as it stands, and streams, which
 * all others are read from, come last.
 */
function fromTheStart(blocks: readonly RotationBlock[], { factors }: SymmetryGroup): RotationBlock[] {
  const turn = (block: RotationBlock) => {
    if (block.kind === "matrices") return isStream(factors[block.factor]?.matrix ?? null) ? 3 : 0;
    return block.kind === "heads" ? 1 : 2;
  };
  return blocks.toSorted((x, y) => turn(x) - turn(y));
}

interface Found {
  readonly a: Parameters;
  readonly b: Parameters;
  readonly best: Descent;
}

async function described(work: Rotations, { a, b, best }: Found): Promise<Omit<RotatedMatch, "starts">> {
  const { matching, rotated } = work;
  const { group, sites } = matching;
  const { element, matrices } = best.rotation;
  const names = Object.keys(group.layouts);
  const moved = act(group, element, await rotated.of(names, matrices));
  const classes = group.factors.map(({ name, size, copies }, factor): ClassMatch => {
    const own = [...new Set((sites[factor] ?? []).map(({ tensor }) => tensor))];
    return {
      name,
      size,
      copies,
      moved: movedUnits(element.permutations[factor] as Int32Array, size),
      cosineBefore: cosine(matching.a, matching.b, own),
      cosineAfter: cosine(matching.a, moved, own),
      gap: best.gaps[factor] as number,
    };
  });
  const norm = (parameters: Parameters, name: string) => Math.sqrt(innerProduct(parameters, parameters, [name]));
  const bound = names.reduce((sum, name) => sum + norm(matching.a, name) * norm(matching.b, name), 0);
  const objective = { before: innerProduct(matching.a, matching.b, names), after: best.objective, bound };
  const restored = streams(group).reduce(
    (so, factor) => compose(group, inverse(group, absorbingElement(group, factor, a)), so),
    element,
  );
  const rotation: Rotation = { element: restored, matrices };
  return { ...rotation, parameters: rotate(group, rotation, b), objective, classes };
}
