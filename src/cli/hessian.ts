import { type Dataset, type Split, splitSize } from "../data/index.ts";
import { check } from "../errors.ts";
import {
  type Estimate,
  eigenpairs,
  fullSpectrum,
  type HessianOptions,
  hessianOperator,
  kinksIn,
  mostDenseParameters,
  type SymmetricOperator,
  spectralDensity,
  spectralMean,
  spectralQuadrature,
  traceBeside,
  traceOf,
  whichNames,
} from "../landscape/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { checkTarget, progressBar } from "../node/index.ts";
import { fold } from "../tensor/index.ts";
import type { ParameterLayout } from "../train/index.ts";
import { seedKey, seedOf } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { dataOptions, datasetOf, splitOf } from "./data-options.ts";
import { engineOf, engineOptions } from "./engine-options.ts";
import { figureOf, writeFigure } from "./figure-file.ts";
import { formatCount, formatLoss } from "./format.ts";
import { densityReport, fullReport, type Report, topReport } from "./hessian-report.ts";
import { choiceOf, numberOf, textOf } from "./values.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";

export const command: Command = {
  summary: "curvature of the loss: eigenvalues, their density, trace",
  usage: "<model> --data <set> [--top K | --full | --density]",
  options: {
    ...dataOptions,
    split: { value: "NAME", help: "train or test (train)" },
    top: { value: "K", help: "K eigenvalues with their residuals, by Lanczos (10)" },
    which: { value: "NAME", help: "the largest, smallest, both (half of either) or magnitude (largest)" },
    tolerance: { value: "X", help: "bound on |Hv - lambda v| / |H| (1e-4; in float64 1e-8)" },
    products: { value: "N", help: "most products with H for the search (1000)" },
    full: { help: `the dense matrix and all eigenvalues, up to ${mostDenseParameters} parameters` },
    zero: { value: "X", help: "full: size up to which an eigenvalue counts as zero (10 n epsilon |H|)" },
    density: { help: "the density of all eigenvalues, by stochastic Lanczos quadrature" },
    steps: { value: "N", help: "density: products for each probe (64)" },
    smoothing: { value: "X", help: "density: deviation of the normal curve of a node (1 % of the range)" },
    probes: { value: "N", help: "random vectors for the density or the trace (10; hutch++ 30)" },
    trace: { value: "HOW", help: "top: hutchinson or hutch++ (hutchinson beside the eigenvectors)" },
    only: { value: "NAMES", help: "tensors whose Hessian it is; the others are held fixed (all)" },
    dtype: { value: "NAME", help: "float32 or float64 (as stored; with --full float64)" },
    batch: { value: "N", help: "samples per run of the engine (what fits into memory)" },
    out: { short: "o", value: "FILE", help: "draw the eigenvalues or the density as an SVG figure" },
    force: { help: "replace the file if it is there" },
    seed: { value: "N", help: "seed of all random vectors (0)" },
    ...weightsOptions,
    ...engineOptions,
  },
  positionals: [1, 1],
  examples: ["hessian mlp.safetensors --data digits --top 5", "hessian mlp.onnx --data mnist --density -o density.svg"],
  run,
};

/** What is measured, and the options that not all have. */
const modes = {
  top: ["which", "tolerance", "products", "trace", "probes", "batch"],
  full: ["zero"],
  density: ["steps", "smoothing", "probes", "batch"],
} as const;
type Mode = keyof typeof modes;

async function run(call: Call): Promise<Outcome> {
  const mode = modeOf(call);
  const { dataset } = await datasetOf(call);
  const { name, split } = splitOf({ ...call, options: { split: "train", ...call.options } }, dataset);
  const [path] = call.positionals as readonly [string];
  await using weights = await weightsOf(path, call);
  const figure = figureOf(call);
  if (figure !== undefined) await checkTarget(figure, [path], call.options.force === true);
  await using engine = await engineOf(call);
  const parameters = await weights.read();
  const isWide = mode === "full" || Object.values(parameters).some(({ dtype }) => dtype === "float64");
  const options = { ...optionsOf(call, isWide ? "float64" : "float32"), engine, split };
  const setting = { network: weights.network(), parameters, dataset, options };
  const found = await measures[mode](call, setting);
  const { loss, gradientNorm, trace, layout } = found;
  const kinks = kinksIn(setting.network, layout);
  const samples = splitSize(split);
  const where = `on ${dataset.name}, ${formatCount(samples)} ${samples === 1 ? "sample" : "samples"}`;
  if (figure !== undefined) await writeFigure(call, figure, found.draw(`${name} loss ${where}`));
  const what = dataset.task === "classification" ? "cross-entropy in nats" : "mean squared error";
  const given = { parameters: layout.size, samples, split: name, seed: seedOf(call), dtype: options.dtype };
  const rest = { kinks, figure: figure ?? null, assumptions: weights.assumptions };
  return {
    json: { ...found.json, trace, loss, gradientNorm, ...given, ...rest },
    text: [
      ...notesOn(weights),
      `${name} ${what} ${where}; ${formatCount(layout.size)} parameters, ${options.dtype}`,
      `loss ${formatLoss(loss)}, norm of the gradient ${gradientNorm.toPrecision(4)}, trace ${traceText(trace)}`,
      "",
      ...found.text,
      ...(kinks.length > 0 ? [`piecewise smooth (${kinks.join(", ")}): the Hessian sees no kinks`] : []),
      ...(figure === undefined ? [] : [`figure written to ${figure}`]),
    ],
    status: found.isComplete ? 0 : 1,
  };
}

function optionsOf(call: Call, dtype: "float32" | "float64") {
  const only = textOf(call, "only")?.split(",");
  const batchSize = numberOf(call, "batch", whole);
  return {
    dtype: choiceOf(call, "dtype", ["float32", "float64"], dtype),
    ...(only && { only }),
    ...(batchSize !== undefined && { batchSize }),
  };
}

function traceText({ value, standardError }: Estimate): string {
  return standardError === 0 ? value.toPrecision(6) : `${value.toPrecision(4)} +- ${standardError.toPrecision(2)}`;
}

/** What is asked for; options of the others are refused. */
function modeOf({ options }: Call): Mode {
  const names = Object.keys(modes) as Mode[];
  const [mode = "top", ...others] = names.filter((name) => options[name]);
  check(others.length === 0, () => ({
    code: "usage",
    where: `--${others[0]}`,
    message: `expected one of --top, --full and --density, got also --${mode}`,
  }));
  const own: readonly string[] = modes[mode];
  const known = names.flatMap((name): readonly string[] => modes[name]);
  const stray = known.find((name) => options[name] && !own.includes(name));
  check(stray === undefined, () => ({
    code: "usage",
    where: `--${stray}`,
    message: `expected no such option with --${mode}`,
    remedy: "leave it out",
  }));
  check(mode !== "full" || options.dtype !== "float32", () => ({
    code: "usage",
    where: "--dtype",
    message: "expected float64 for the full spectrum, got float32",
    remedy: "leave it out",
  }));
  return mode;
}

/** Whose Hessian it is. */
interface Setting {
  readonly network: Network;
  readonly parameters: Parameters;
  readonly dataset: Dataset;
  readonly options: HessianOptions & { readonly split: Split };
}

const whole = { least: 1, whole: true };

/** What a mode found at a point. */
interface Measured extends Report {
  readonly loss: number;
  readonly gradientNorm: number;
  readonly trace: Estimate;
  readonly layout: ParameterLayout;
}

const measures: Readonly<Record<Mode, (call: Call, setting: Setting) => Promise<Measured>>> = { top, full, density };

async function top(call: Call, { network, parameters, dataset, options }: Setting): Promise<Measured> {
  await using operator = hessianOperator(network, parameters, dataset, options);
  const { loss, gradientNorm } = await operator.slope();
  using bar = progressBar({ quiet: call.quiet });
  const count = numberOf(call, "top", whole, Math.min(10, operator.size));
  checkBasis(count, operator);
  const tolerance = numberOf(call, "tolerance", { above: 0 });
  const most = numberOf(call, "products", whole, 1000);
  const which = choiceOf(call, "which", whichNames, "largest");
  const found = await eigenpairs(operator, {
    count,
    which,
    key: fold(seedKey(call), "eigenvalues"),
    products: most,
    ...(tolerance !== undefined && { tolerance }),
    onProgress: (done) => bar.update({ label: "Lanczos", done, total: most, unit: "product" }),
  });
  const method = choiceOf(call, "trace", ["hutchinson", "hutch++"]);
  const key = fold(seedKey(call), "trace");
  const known = { vectors: found.pairs.map(({ vector }) => vector), values: found.pairs.map(({ value }) => value) };
  const trace = method
    ? await traceOf(operator, { key, method, probes: probesOf(call, method === "hutch++" ? 30 : 10) })
    : await traceBeside(operator, known, { key, probes: probesOf(call, 10) });
  return { loss, gradientNorm, trace, layout: operator.layout, ...topReport(found, which) };
}

/** Bytes that the eigenvectors may take. */
const mostBytes = 2 * 2 ** 30;

/** Throws where so many eigenvectors, each as long as the parameters, would fill the memory; more than there are have an error of their own. */
function checkBasis(count: number, { size, dtype }: Pick<SymmetricOperator, "size" | "dtype">): void {
  const most = Math.max(100, Math.floor(mostBytes / (size * (dtype === "float64" ? 8 : 4))));
  check(count <= most || count > size, () => ({
    code: "too-large",
    where: "--top",
    message: `expected at most ${formatCount(most)} eigenvalues of ${formatCount(size)} parameters, got ${formatCount(count)}`,
    remedy: "ask for the --density of all of them",
  }));
}

/** Most random vectors, and most products for each: beyond that nothing is learnt, and memory runs out. */
const [mostProbes, mostSteps] = [10_000, 1000];

function probesOf(call: Call, otherwise: number): number {
  return numberOf(call, "probes", { least: 2, most: mostProbes, whole: true }, otherwise);
}

async function full(call: Call, { network, parameters, dataset, options }: Setting): Promise<Measured> {
  using bar = progressBar({ quiet: call.quiet });
  const zeroTolerance = numberOf(call, "zero", { least: 0 });
  const total = splitSize(options.split);
  const found = await fullSpectrum(network, parameters, dataset, {
    ...options,
    ...(zeroTolerance !== undefined && { zeroTolerance }),
    onProgress: (done) => bar.update({ label: "dense Hessian", done, total, unit: "sample" }),
  });
  const { loss, gradientNorm, layout, trace } = found;
  return { loss, gradientNorm, layout, trace: { value: trace, standardError: 0 }, ...fullReport(found) };
}

async function density(call: Call, { network, parameters, dataset, options }: Setting): Promise<Measured> {
  await using operator = hessianOperator(network, parameters, dataset, options);
  const { loss, gradientNorm } = await operator.slope();
  using bar = progressBar({ quiet: call.quiet });
  const probes = probesOf(call, 10);
  const steps = Math.min(operator.size, numberOf(call, "steps", { ...whole, most: mostSteps }, 64));
  const total = probes * steps;
  const quadratures = await spectralQuadrature(operator, {
    key: fold(seedKey(call), "density"),
    probes,
    steps,
    onProgress: (done) => bar.update({ label: "Lanczos quadrature", done, total, unit: "product" }),
  });
  const mean = spectralMean(quadratures, (x) => x);
  const trace = { value: operator.size * mean.value, standardError: operator.size * mean.standardError };
  const found = spectralDensity(quadratures, numberOf(call, "smoothing", { above: 0 }));
  const report = densityReport(found, { quadratures, size: operator.size, steps });
  return { loss, gradientNorm, trace, layout: operator.layout, ...report };
}
