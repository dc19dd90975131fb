import type { PoolAttributes, Value } from "../../graph/index.ts";
import type { Placed } from "./arrangement.ts";
import { divided, type Form, type Placement } from "./placement.ts";
import { maxPoolGatherPlaces, maxPoolGradPlaces, maxPoolPlaces, pooled, tiles, windowed } from "./pool.ts";

/** The input of a pool whose windows tile it, with every window's rows and columns as axes of their own. */
function windowsOf(x: Value, attributes: PoolAttributes, placement: Placement): Placed | null {
  const placed = placement.placed(x);
  if (!placed || x.dtype !== "float32" || !tiles(attributes, x.shape)) return null;
  const arrangement = windowed(placed.arrangement, attributes.kernel);
  return arrangement ? divided(placed, arrangement) : null;
}

/** The maximum over the places of each window. */
export const maxPoolForm: Form<"MaxPool"> = (value, placement) => {
  const x = windowsOf(value.operands[0] as Value, value.attributes, placement);
  const { kernel } = value.attributes;
  return x && { value: maxPoolPlaces(x, kernel), arrangement: pooled(x.arrangement, kernel), shape: value.shape };
};

/** In the arrangement of the pool's input. */
export const maxPoolGradForm: Form<"MaxPoolGrad"> = (value, placement) => {
  const x = windowsOf(value.operands[0] as Value, value.attributes, placement);
  if (!x) return null;
  const { kernel } = value.attributes;
  const g = placement.in(value.operands[1] as Value, pooled(x.arrangement, kernel));
  return { ...x, value: maxPoolGradPlaces(x, g.value, kernel) };
};

/** In the arrangement of the pooled tensor. */
export const maxPoolGatherForm: Form<"MaxPoolGather"> = (value, placement) => {
  const x = windowsOf(value.operands[0] as Value, value.attributes, placement);
  if (!x) return null;
  const { kernel } = value.attributes;
  const source = placement.in(value.operands[1] as Value, x.arrangement);
  const arrangement = pooled(x.arrangement, kernel);
  return { value: maxPoolGatherPlaces(x, source.value, kernel), arrangement, shape: value.shape };
};
