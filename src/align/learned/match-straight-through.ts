import type { Parameters } from "../../nets/index.ts";
import { act, type GroupElement, type SymmetryGroup } from "../../symmetry/index.ts";
import { fold, type Tensor } from "../../tensor/index.ts";
import { checkFit } from "../../train/index.ts";
import { gramEngine, type Matching, matchingOf } from "../matching/index.ts";
import { descend, freeFactors, matchWeights } from "../weights/index.ts";
import { adam } from "./adam.ts";
import {
  checkLearning,
  describeLearned,
  type LearnedMatch,
  type LearnedMatchOptions,
  weightOptions,
} from "./learned-match.ts";
import { between, inOneType, type LossOptions, lossGradient, midpointLoss } from "./midpoint.ts";

export interface StraightThroughOptions extends LossOptions, LearnedMatchOptions {}

const defaults = { steps: 200, learningRate: 3e-3, batchSize: 256 } as const;

/**
 * Learns the element by the loss half-way between both networks (Git Re-Basin, arXiv 2209.04836, section 3.3): weights
 * that start as those of `a` are moved by Adam along the gradient at (a + g b) / 2, where g is what matches b to them,
 * by coordinate descent from the g before. The best g by that loss is kept, and the first is that of the match by weights.
 */
export async function matchStraightThrough(
  a: Parameters,
  b: Parameters,
  group: SymmetryGroup,
  options: StraightThroughOptions,
): Promise<LearnedMatch> {
  checkLearning({ ...defaults, ...options });
  checkFit(options.network, options.dataset);
  const { element: first, starts } = await matchWeights(a, b, group, weightOptions(options));
  await using grams = gramEngine(options.engine);
  const [x, y] = inOneType([a, b]) as [Parameters, Parameters];
  const matching = matchingOf(group, [x, y], { grams });
  const lossOf = midpointLoss(options);
  const before = await lossOf(x, act(group, first, y));
  let best = { element: first, loss: before };
  for await (const element of elementsMet(matching, first, options)) {
    const loss = await lossOf(x, act(group, element, y));
    if (loss < best.loss) best = { element, loss };
  }
  const learned = { measure: "midpoint-loss", before, after: best.loss } as const;
  return await describeLearned(matchingOf(group, [a, b], { grams }), best.element, { starts, learned });
}

/** Steps between two elements that are measured. */
const MEASURED_EVERY = 5;

/** Elements on the way of the moving weights, every few steps where they have changed. */
async function* elementsMet(
  matching: Matching,
  first: GroupElement,
  options: StraightThroughOptions,
): AsyncGenerator<GroupElement> {
  const { group, a, b } = matching;
  const { network, key, signal, onProgress, steps, learningRate, batchSize } = { ...defaults, ...options };
  const names = network.parameters.map(({ name }) => name);
  const { dtype } = a[names[0] as string] as Tensor;
  await using slope = await lossGradient(options, { batchSize, dtype, key: fold(key, "batches") });
  const target = movingCopy(a, names);
  let [element, shown] = [first, first];
  for (let step = 0; step < steps && freeFactors(group).length > 0; step++) {
    signal?.throwIfAborted();
    const middle = between(a, act(group, element, b), { t: 0.5, names });
    const { loss, gradients } = await slope.at(middle, step);
    onProgress?.({ step, steps, value: loss });
    target.move(gradients, learningRate);
    const moved = matchingOf(group, [{ ...a, ...target.parameters }, b], matching);
    ({ element } = await descend(moved, element, { ...weightOptions(options), restart: step }));
    const isDue = (step + 1) % MEASURED_EVERY === 0 || step + 1 === steps;
    if (!isDue || isSame(element, shown)) continue;
    shown = element;
    yield element;
  }
}

/** Parameters that Adam moves in place. */
function movingCopy(start: Parameters, names: readonly string[]) {
  const parts = names.map((name) => {
    const own = start[name] as Tensor;
    const data = (own.data as Float64Array<ArrayBuffer>).slice();
    return { name, data, tensor: { ...own, data }, update: adam(data.length) };
  });
  const parameters: Parameters = Object.fromEntries(parts.map(({ name, tensor }) => [name, tensor]));
  return {
    parameters,
    move(gradients: Parameters, learningRate: number) {
      for (const { name, data, update } of parts) update(data, gradients[name]?.data as Float64Array, learningRate);
    },
  };
}

function isSame(x: GroupElement, y: GroupElement): boolean {
  const listed = ({ permutations, scales }: GroupElement) => [...permutations, ...scales];
  const others = listed(y);
  return listed(x).every((own, i) => own.every((each, k) => each === others[i]?.[k]));
}
