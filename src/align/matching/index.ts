export { assignGains, assignUnits, type UnitAssignment } from "./assign-units.ts";
export { type Gains, gainsOf, type Matching, matchingOf, releaseGains, withSecond } from "./gains.ts";
export { type GramEngine, gramEngine } from "./gram-engine.ts";
export { type Chance, type LayerCosines, layerCosines, type WeightCosines } from "./layer-cosines.ts";
export {
  type ClassMatch,
  checkFinite,
  checkSame,
  cosine,
  describeMatch,
  dot,
  entriesOf,
  innerProduct,
  type Match,
  type Moved,
  movedBy,
  type StartName,
  sortedBound,
} from "./match.ts";
export { releaseScratches } from "./scratch.ts";
export { currentValue, signOf, withBestSigns, withSigns } from "./signs.ts";
export { inFloats } from "./site-products.ts";
export { isStill, type SiteRun, siteRuns } from "./sites.ts";
export { unitCosines } from "./unit-cosines.ts";
