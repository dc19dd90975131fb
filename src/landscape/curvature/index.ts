export {
  defaultWidth,
  type Quadrature,
  type QuadratureOptions,
  type SpectralDensity,
  spectralDensity,
  spectralMean,
  spectralQuadrature,
} from "./density.ts";
export {
  type Eigenpair,
  type EigenpairOptions,
  type Eigenpairs,
  eigenpairs,
  type Which,
  whichNames,
} from "./eigenpairs.ts";
export type { Estimate } from "./estimate.ts";
export { type FullSpectrum, type FullSpectrumOptions, fullSpectrum, mostDenseParameters } from "./full-spectrum.ts";
export { type HessianOperator, type HessianOptions, type HessianSlope, hessianOperator } from "./hessian-operator.ts";
export { checkDifferentiable, checkSmooth, kinksIn } from "./smoothness.ts";
export type { SymmetricOperator } from "./symmetric-operator.ts";
export { type KnownPart, type TraceOptions, traceBeside, traceOf } from "./trace.ts";
export type { Vector } from "./vectors.ts";
