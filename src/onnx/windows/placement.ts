import { type Operator, topologicalOrder, type Value } from "../../graph/index.ts";
import { type Arrangement, arrange, merged, type Placed, restore, sameArrangement, sizesOf } from "./arrangement.ts";
import { type Constants, sharedConstants } from "./constants.ts";
import { tiles } from "./pool.ts";

/** How an operator is computed on placed operands; null where it is not. A value, not placed, has its natural order. */
export type Form<O extends Operator> = (value: Value<O>, placement: Placement) => Placed | Value | null;

/** What has been computed so far, in whatever order, and what further forms are chosen from. */
export interface Placement {
  readonly constants: Constants;
  /** The kernel of the pool that reads a value. */
  readonly pools: ReadonlyMap<Value, readonly number[]>;
  /** The input of the convolution with these weights, as it was read. */
  readonly inputs: Map<Value, Placed>;
  keep(value: Value, computed: Placed | Value): void;
  natural(value: Value): Value;
  /** A value that is kept in another order. */
  placed(value: Value): Placed | undefined;
  /** A value, or what broadcasts to one of `rank` axes, in that arrangement. */
  in(value: Value, arrangement: Arrangement, rank?: number): Placed;
}

export function placementOf(outputs: readonly Value[]): Placement {
  const placedValues = new Map<Value, Placed>();
  const naturalValues = new Map<Value, Value>();
  const natural = (value: Value) => {
    const known = naturalValues.get(value) ?? restore(placedValues.get(value) as Placed);
    naturalValues.set(value, known);
    return known;
  };
  return {
    constants: sharedConstants(),
    pools: kernelsOfPools(outputs),
    inputs: new Map<Value, Placed>(),
    natural,
    placed: (value) => placedValues.get(value),
    keep(value, computed) {
      if ("arrangement" in computed) placedValues.set(value, divided(computed, merged(computed.arrangement)));
      else naturalValues.set(value, computed);
    },
    in(value, arrangement, rank = value.rank) {
      const known = placedValues.get(value);
      if (known && sameArrangement(known.arrangement, merged(arrangement))) return divided(known, arrangement);
      return { value: arrange(natural(value), arrangement, rank), arrangement, shape: value.shape };
    },
  };
}

/** A placed value under another division of the same order into factors. */
export function divided({ value, shape }: Placed, arrangement: Arrangement): Placed {
  return { value: value.reshape([...sizesOf(arrangement), shape[0] as number]), arrangement, shape };
}

function kernelsOfPools(outputs: readonly Value[]): Map<Value, readonly number[]> {
  const kernels = new Map<Value, readonly number[]>();
  for (const value of topologicalOrder(outputs)) {
    if (value.op !== "MaxPool") continue;
    const [x] = value.operands as readonly [Value];
    const { attributes } = value as Value<"MaxPool">;
    if (tiles(attributes, x.shape)) kernels.set(x, attributes.kernel);
  }
  return kernels;
}
