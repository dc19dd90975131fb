export type { AxisRange } from "./absorption.ts";
export { act, actOnTensor } from "./act.ts";
export { type CanonicalForm, canonicalForm, inCanonicalGauge } from "./canonical.ts";
export { type Certificate, type CertifyOptions, certify } from "./certificate.ts";
export { certifyModels } from "./certify-models.ts";
export { type ChainTextOptions, chainText } from "./chain-text.ts";
export { type Discovery, discoverGraph, discoverNetwork, discoverSymmetry } from "./discover.ts";
export { discoverModel } from "./discover-model.ts";
export {
  compose,
  type GroupElement,
  identity,
  inverse,
  movedUnits,
  type RandomOptions,
  randomElement,
  sourceCopy,
} from "./element.ts";
export {
  type Explanation,
  explain,
  type FreePart,
  type Link,
  type PinnedPart,
  type TiedSite,
} from "./explain.ts";
export type {
  Block,
  Factor,
  Generator,
  Layout,
  MatrixGroup,
  Outer,
  PinnedAxis,
  Place,
  Power,
  Run,
  Site,
  SymmetryGroup,
} from "./group.ts";
export { type OrbitHash, orbitHash } from "./hash.ts";
export { type HeadShift, type HeadSymmetry, headSymmetry } from "./head.ts";
export { runsOf } from "./indexing.ts";
export { absorbGains, absorbingElement, matrixDimension, mix } from "./mix.ts";
export { type FactorOrder, type GroupOrder, groupOrder, type OrderSize, orderValue } from "./order.ts";
export { outputDeviations } from "./output-deviations.ts";
export { precisionFor } from "./precision.ts";
export { randomMatrices } from "./random-matrices.ts";
export { restores } from "./restores.ts";
export { compareOrbits, type OrbitComparison } from "./same-orbit.ts";
export { type Shift, shiftsOf } from "./shifts.ts";
export { type Stabiliser, stabiliser, type UnitSet } from "./stabiliser.ts";
export { innerFactor, type StrandUnfolding, strandUnfoldings } from "./strand-unfolding.ts";
export { isMove } from "./tolerance.ts";
export { layoutOfOne, refold, type Unfolding, unfold, unfoldingOf } from "./unfold.ts";
export { type AffineUnit, type Reader, type UnitRoles, type UnitSite, unitRoles } from "./unit-roles.ts";
