import type { Parameters } from "../../nets/index.ts";
import { type SymmetryGroup, unfold } from "../../symmetry/index.ts";
import { elementCount, stack, type Tensor, tensor } from "../../tensor/index.ts";
import { type SiteRun, siteRuns } from "../matching/index.ts";

/** Networks side by side, with the places of the units that may be renumbered. */
export interface NetworkStack {
  readonly group: SymmetryGroup;
  readonly networks: number;
  /** Kinds of units that move as one: those of a factor at the sites that the same signs flip. */
  readonly slots: readonly Slot[];
  readonly tensors: readonly StackedTensor[];
}

export interface Slot {
  readonly factor: number;
  readonly signs: readonly number[];
}

/** One parameter of all networks, [networks, ...shape]. */
export interface StackedTensor {
  readonly values: Tensor;
  readonly sites: readonly StackedSite[];
}

/** Where the units of a slot lie in a parameter. */
export interface StackedSite {
  readonly slot: number;
  readonly copies: number;
  readonly units: number;
  /** Which entry of a network's parameter lies at each [copy, unit, the rest]. */
  readonly entries: Int32Array;
}

/** Puts networks side by side; units of the factors `free` may be renumbered. */
export function stackNetworks(
  models: readonly Parameters[],
  group: SymmetryGroup,
  free: readonly number[],
): NetworkStack {
  const runs = siteRuns(group);
  const slots: Slot[] = [];
  const slotOf = (factor: number, signs: readonly number[]) => {
    const known = slots.findIndex((slot) => slot.factor === factor && slot.signs.join() === signs.join());
    return known >= 0 ? known : slots.push({ factor, signs }) - 1;
  };
  const tensors = Object.keys(group.layouts).map((name): StackedTensor => {
    const sites = free.flatMap((factor) =>
      (runs[factor] ?? [])
        .filter((site) => site.tensor === name)
        .map((site) => ({ slot: slotOf(factor, site.signs), ...placesOf(site) })),
    );
    return { values: stack(models.map((model) => model[name] as Tensor)), sites };
  });
  return { group, networks: models.length, slots, tensors };
}

function placesOf({ unfolding, layout: { shape } }: SiteRun): Omit<StackedSite, "slot"> {
  const numbers = Int32Array.from({ length: elementCount(shape) }, (_, entry) => entry);
  const { data } = unfold(unfolding, tensor("int32", shape, numbers));
  return { copies: unfolding.copies, units: unfolding.units, entries: data as Int32Array };
}
