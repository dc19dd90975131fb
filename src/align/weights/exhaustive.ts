import { check } from "../../errors.ts";
import { type Factor, type GroupElement, groupOrder, identity, type SymmetryGroup } from "../../symmetry/index.ts";

/** What a search through a whole group found. */
export interface ExhaustiveMatch {
  /** The element of lowest cost, the first of several. */
  readonly element: GroupElement;
  readonly cost: number;
  /** The cost of every element, in the order of `everyElement`. */
  readonly costs: readonly number[];
  /** Whether any element costs no more than the tolerance: where not, no renumbering will do. */
  readonly suffices: boolean;
}

export interface ExhaustiveOptions {
  readonly tolerance: number;
  /** The largest group that is searched, in elements; defaults to 40,320. */
  readonly most?: number;
}

/** The element of a small group for which something costs least, such as the barrier that it leaves, by trying all. */
export async function exhaustiveMatch(
  group: SymmetryGroup,
  costOf: (element: GroupElement) => number | Promise<number>,
  { tolerance, most = 40_320 }: ExhaustiveOptions,
): Promise<ExhaustiveMatch> {
  const elements = [...everyElement(group, most)];
  const costs: number[] = [];
  for (const element of elements) costs.push(await costOf(element));
  const cost = Math.min(...costs);
  return { element: elements[costs.indexOf(cost)] as GroupElement, cost, costs, suffices: cost <= tolerance };
}

/** Every permutation with every sign, scales left at 1 and the identity first; throws where they are more than `most`. */
export function* everyElement(group: SymmetryGroup, most: number): Generator<GroupElement> {
  const { permutations, signs } = groupOrder(group);
  const log10 = permutations.log10 + signs.log10;
  check(log10 < Math.log10(most) + 1e-9, () => ({
    code: "group-too-large",
    where: "everyElement",
    message: `expected at most ${most} permutations and signs, got 10^${log10.toFixed(1)}`,
    remedy: "match by weights instead",
  }));
  yield* withPermutations(group, identity(group), 0);
}

function* withPermutations(group: SymmetryGroup, element: GroupElement, factor: number): Generator<GroupElement> {
  const own = group.factors[factor];
  if (!own) {
    yield* withSigns(group, element, 0);
    return;
  }
  for (const units of own.permutes ? ordersOfCopies(own) : [element.permutations[factor] as Int32Array]) {
    const permutations = element.permutations.with(factor, Int32Array.from(units));
    yield* withPermutations(group, { ...element, permutations }, factor + 1);
  }
}

/** The units of all copies, each copy in every order. */
function* ordersOfCopies({ size, copies }: Pick<Factor, "size" | "copies">): Generator<readonly number[]> {
  const units = Array.from({ length: size }, (_, unit) => unit);
  const rest = copies > 1 ? [...ordersOfCopies({ size, copies: copies - 1 })] : [[]];
  for (const order of ordersOf(units)) for (const others of rest) yield [...order, ...others];
}

function* ordersOf(units: readonly number[]): Generator<readonly number[]> {
  if (units.length === 0) yield [];
  for (const [i, first] of units.entries()) {
    for (const rest of ordersOf(units.toSpliced(i, 1))) yield [first, ...rest];
  }
}

function* withSigns(group: SymmetryGroup, element: GroupElement, generator: number): Generator<GroupElement> {
  const own = group.generators[generator];
  if (!own) {
    yield element;
    return;
  }
  for (const signs of own.kind === "sign" ? signsOf(element.scales[generator]?.length ?? 0) : [null]) {
    const scales = signs ? element.scales.with(generator, Float64Array.from(signs)) : element.scales;
    yield* withSigns(group, { ...element, scales }, generator + 1);
  }
}

function* signsOf(units: number): Generator<readonly number[]> {
  if (units === 0) yield [];
  else for (const sign of [1, -1]) for (const rest of signsOf(units - 1)) yield [sign, ...rest];
}
