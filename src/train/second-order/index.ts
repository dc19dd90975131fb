export { type Chart, type HeldPair, heldPairChart, heldPairCoordinates, inChart, subspaceChart } from "./chart.ts";
export { cholesky, choleskySolve } from "./cholesky.ts";
export {
  type CriticalPoint,
  hasSettled,
  type Index,
  indexOf,
  type SearchOptions,
  type Stop,
} from "./critical-point.ts";
export { type Curvature, type CurvatureOptions, curvatureOf } from "./curvature.ts";
export { type Eigen, symmetricEigen, symmetricEigenvalues } from "./eigen.ts";
export { type Flow, type FlowOptions, type FlowSample, gradientFlow } from "./gradient-flow.ts";
export { flatten, type LayoutEntry, layoutOf, type ParameterLayout, unflatten } from "./layout.ts";
export { type Method, type MinimizeOptions, minimize, polish } from "./minimize.ts";
export type { LocalCurvature, Objective, Slope } from "./objective.ts";
