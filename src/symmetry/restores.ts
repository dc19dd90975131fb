import type { Parameters } from "../nets/index.ts";
import { type Tensor, tensorBytes } from "../tensor/index.ts";
import { act } from "./act.ts";
import { type GroupElement, inverse } from "./element.ts";
import type { SymmetryGroup } from "./group.ts";

export interface Change {
  readonly before: Parameters;
  readonly after: Parameters;
}

/** Whether undoing an element that only moves and flips gives back the weights before it, bit by bit, in every tensor. */
export function restores(group: SymmetryGroup, element: GroupElement, { before, after }: Change): boolean {
  const back = act(group, inverse(group, element), after);
  return Object.entries(before).every(([name, value]) => {
    return areEqual(tensorBytes(value), tensorBytes(back[name] as Tensor));
  });
}

/** A loop, as there can be billions of bytes. */
function areEqual(x: Uint8Array, y: Uint8Array): boolean {
  for (let i = 0; i < x.length; i++) if (x[i] !== y[i]) return false;
  return x.length === y.length;
}
