export { type BarrierDefinition, barrier, type Measure } from "./barrier.ts";
export { type Distances, distances, geodesicPath, linearPath, type Path } from "./path.ts";
export { type ProfileOptions, profile } from "./profile.ts";
export {
  type Measurer,
  type Profile,
  type ProfilePoint,
  type Refinement,
  type SamplingOptions,
  sampleCurve,
} from "./sampling.ts";
export { onSpheres, type Spheres, spheresOf } from "./spheres.ts";
export { type BatchStatistics, batchStatistics } from "./statistics.ts";
