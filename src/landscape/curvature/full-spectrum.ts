import { type Dataset, type Split, splitSize } from "../../data/index.ts";
import { check } from "../../errors.ts";
import type { Network, Parameters } from "../../nets/index.ts";
import { elementCount, norm, type Tensor, tensor } from "../../tensor/index.ts";
import {
  curvatureOf,
  type Index,
  indexOf,
  type LocalCurvature,
  type ParameterLayout,
  symmetricEigenvalues,
} from "../../train/index.ts";
import { checkFinite } from "./finite.ts";
import { type HessianOptions, settingOf } from "./hessian-operator.ts";

/** A dense Hessian and all its eigenvalues, in float64. */
export interface FullSpectrum extends LocalCurvature {
  /** Ascending. */
  readonly eigenvalues: Float64Array;
  readonly index: Index;
  readonly trace: number;
  readonly gradientNorm: number;
  /** Which parameter each row is of. */
  readonly layout: ParameterLayout;
}

export interface FullSpectrumOptions extends Pick<HessianOptions, "engine" | "split" | "only" | "signal"> {
  /** Eigenvalues up to this size count as zero; defaults to 10 n epsilon |H|. */
  readonly zeroTolerance?: number;
  onProgress?(samples: number): void;
}

/** Above this many parameters the decomposition takes more than minutes. */
export const mostDenseParameters = 4096;
/** Samples whose Hessian is taken at once. */
const samplesAtOnce = 1000;

/** The ground truth beside Lanczos and its probes: the whole Hessian of the mean loss over a split. */
export async function fullSpectrum(
  network: Network,
  parameters: Parameters,
  dataset: Dataset,
  options: FullSpectrumOptions,
): Promise<FullSpectrum> {
  const { engine, signal, onProgress } = options;
  const { layout, split } = settingOf(network, dataset, options);
  const n = layout.size;
  check(n <= mostDenseParameters, () => ({
    code: "too-large",
    where: "hessian",
    message: `expected at most ${mostDenseParameters} parameters for all eigenvalues, got ${n}`,
    remedy: "ask for some of them with --top, for their density with --density, or for fewer parameters with --only",
  }));
  const free = new Set(layout.entries.map(({ name }) => name));
  const fixed = Object.fromEntries(Object.entries(parameters).filter(([name]) => !free.has(name)));
  const sum = { loss: 0, gradient: new Float64Array(n), hessian: new Float64Array(n * n) };
  const samples = splitSize(split);
  for (let start = 0; start < samples; start += samplesAtOnce) {
    signal?.throwIfAborted();
    const part = samplesFrom(split, start, Math.min(start + samplesAtOnce, samples));
    await using curvature = await curvatureOf(network, dataset, { engine, split: part, fixed });
    const [at] = await curvature.curvatures([curvature.flatten(parameters)]);
    addShare(sum, at as LocalCurvature, splitSize(part) / samples);
    onProgress?.(start + splitSize(part));
  }
  checkFinite("loss", sum.loss);
  checkFinite(
    "Hessian",
    sum.hessian.reduce((total, x) => total + x, 0),
  );
  const eigenvalues = symmetricEigenvalues(sum.hessian, n);
  let trace = 0;
  for (let i = 0; i < n; i++) trace += sum.hessian[i * (n + 1)] as number;
  const index = indexOf(eigenvalues, options.zeroTolerance);
  return { ...sum, eigenvalues, trace, index, gradientNorm: norm(sum.gradient), layout };
}

function addShare(
  sum: { loss: number; readonly gradient: Float64Array; readonly hessian: Float64Array },
  { loss, gradient, hessian }: LocalCurvature,
  share: number,
): void {
  sum.loss += share * loss;
  for (let i = 0; i < gradient.length; i++)
    sum.gradient[i] = (sum.gradient[i] as number) + share * (gradient[i] as number);
  for (let i = 0; i < hessian.length; i++) sum.hessian[i] = (sum.hessian[i] as number) + share * (hessian[i] as number);
}

function samplesFrom({ inputs, targets }: Split, start: number, end: number): Split {
  return { inputs: rowsOf(inputs, start, end), targets: rowsOf(targets, start, end) };
}

function rowsOf({ dtype, shape, data }: Tensor, start: number, end: number): Tensor {
  const row = elementCount(shape.slice(1));
  return tensor(dtype, [end - start, ...shape.slice(1)], data.subarray(start * row, end * row) as never);
}
