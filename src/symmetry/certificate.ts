import type { Engine } from "../engine/index.ts";
import { check } from "../errors.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { formatShape, isFloat, type RngKey, sameShape, type Tensor, tensorBytes } from "../tensor/index.ts";
import { compareInPieces } from "./compare-in-pieces.ts";
import { compareOutputs, type OutputDeviation } from "./compare-outputs.ts";
import { relativeDeviation } from "./deviation.ts";
import type { GroupElement } from "./element.ts";
import { type FirstDifference, firstDifference } from "./first-difference.ts";
import { networkOutput } from "./network-graph.ts";
import { inPrecision, precisionFor, workOf } from "./precision.ts";
import { probeInputs } from "./probes.ts";
import { EXACT, toleranceFor } from "./tolerance.ts";

/** How a certificate is made. */
export interface CertifyOptions {
  readonly engine: Engine;
  readonly key: RngKey;
  /** Random inputs; defaults to 8, and to 2 where one takes more than a billion products. */
  readonly probes?: number;
  /** Further inputs, [n, ...]. */
  readonly data?: Tensor;
  /** Defaults to what `toleranceFor` says of the parameters. */
  readonly tolerance?: number;
  /** Defaults to float64, unless only the reference engine could compute it and would take long. */
  readonly precision?: "float64" | "float32";
  /** The element of the network's group that is said to make `b` of `a`. */
  readonly element?: GroupElement;
  /** Run the network piece by piece, for weights that would not all fit into memory at once. */
  readonly inPieces?: boolean;
}

/** Whether two parameter sets compute the same function, as far as probes can tell. */
export interface Certificate {
  readonly ok: boolean;
  /** The parameters are the same bit by bit, so that no input had to be tried. */
  readonly isExact: boolean;
  /** The network was run piece by piece, on short sequences where it takes tokens. */
  readonly inPieces: boolean;
  /** The largest difference of two outputs over `outputScale`; infinite where an output is not finite. */
  readonly maxRelative: number;
  readonly tolerance: number;
  /** Inputs that were tried, data included. */
  readonly probes: number;
  /** In which both were computed. */
  readonly precision: "float64" | "float32";
  /** The largest output of either, in absolute value, over all inputs. */
  readonly outputScale: number;
  /** Why it is not ok; null where it is. */
  readonly reason: string | null;
  /** The first layer that differs; null where the outputs do not, or it was not found. */
  readonly firstDifference: FirstDifference | null;
}

const [MANY, FEW] = [8, 2];
const LARGE = 2 ** 30;

/** Evaluates a network with two parameter sets on random inputs, and on data where it is given. */
export async function certify(
  network: Network,
  a: Parameters,
  b: Parameters,
  options: CertifyOptions,
): Promise<Certificate> {
  const { key, data, element, inPieces = false } = options;
  const stored = [parametersOf(network, a, "a"), parametersOf(network, b, "b")] as const;
  if (haveSameBits(...stored)) return exact(options);
  const output = networkOutput(network, { shape: [1, ...network.inputShape], dtype: "float64" });
  const { probes = workOf([output]) > LARGE ? FEW : MANY } = options;
  checkProbes(probes);
  const inputs = [
    ...probeInputs(network, key, probes, { isShort: inPieces }),
    ...(data ? [checkData(network, data)] : []),
  ];
  const samples = inputs.reduce((count, { shape }) => count + (shape[0] as number), 0);
  const chosen = await precisionFor(options.engine, {
    precision: options.precision,
    work: () => stored.length * samples * workOf([output]),
  });
  const { engine, precision } = chosen;
  const tolerance = options.tolerance ?? (await toleranceFor(network, stored, { ...chosen, inputs, element }));
  if (inPieces) {
    const verdict = verdictOn(await compareInPieces(network, stored, { ...chosen, inputs }), tolerance);
    return { ...verdict, inPieces, tolerance, precision, firstDifference: null };
  }
  const pair = [inPrecision(stored[0], precision), inPrecision(stored[1], precision)] as const;
  const deviation = await compareOutputs(network, pair, { ...chosen, inputs });
  const verdict = verdictOn(deviation, tolerance);
  const locate = !verdict.ok && precision === "float64";
  return {
    ...verdict,
    inPieces,
    tolerance,
    precision,
    firstDifference: locate
      ? await firstDifference(network, pair, { engine, probe: deviation.worst, tolerance, element })
      : null,
  };
}

function exact({ tolerance = EXACT, precision = "float64" }: CertifyOptions): Certificate {
  const found = { maxRelative: 0, outputScale: 0, reason: null, firstDifference: null };
  return { ok: true, isExact: true, inPieces: false, ...found, tolerance, probes: 0, precision };
}

/** What a deviation says, held against a tolerance. */
export function verdictOn(deviation: OutputDeviation, tolerance: number) {
  const maxRelative = relativeDeviation(deviation);
  const ok = maxRelative <= tolerance;
  return {
    ok,
    isExact: false,
    maxRelative,
    probes: deviation.samples,
    outputScale: deviation.scale,
    reason: ok ? null : reasonFor(maxRelative, tolerance),
  };
}

function reasonFor(maxRelative: number, tolerance: number): string {
  if (maxRelative === Infinity) return "an output is not a finite number";
  return `outputs differ by ${maxRelative.toExponential(1)} of the largest, more than ${tolerance.toExponential(1)}`;
}

function checkProbes(probes: number): void {
  check(Number.isInteger(probes) && probes >= 1, () => ({
    code: "bad-option",
    where: "certify",
    message: `expected at least 1 probe, got ${probes}`,
  }));
}

/** The tensors that the network knows. */
function parametersOf(network: Network, parameters: Parameters, which: "a" | "b"): Parameters {
  const known = network.parameters.map(({ name, shape }) => {
    const got = parameters[name];
    check(got && isFloat(got.dtype) && sameShape(got.shape, shape), () => ({
      code: "bad-parameters",
      where: name,
      message: `expected real numbers ${formatShape(shape)} in ${which}, got ${got ? `${got.dtype} ${formatShape(got.shape)}` : "none"}`,
    }));
    return [name, got] as const;
  });
  return Object.fromEntries(known);
}

function checkData({ inputShape, inputKind }: Network, data: Tensor): Tensor {
  const isTokens = inputKind === "tokens";
  const [length = 0, most = 0] = [data.shape[1], inputShape[0]];
  const fits = isTokens
    ? data.shape.length === 2 && length > 0 && length <= most
    : sameShape(data.shape.slice(1), inputShape);
  check(fits && (data.shape[0] as number) > 0 && isFloat(data.dtype) !== isTokens, () => ({
    code: "bad-data",
    where: "certify",
    message: `expected data of ${isTokens ? "tokens" : "real numbers"} [n, ${inputShape.join(", ")}], got ${data.dtype} ${formatShape(data.shape)}`,
  }));
  return data;
}

function haveSameBits(a: Parameters, b: Parameters): boolean {
  return Object.entries(a).every(([name, value]) => {
    const other = b[name] as Tensor;
    if (value.dtype !== other.dtype) return false;
    const [x, y] = [tensorBytes(value), tensorBytes(other)];
    return x.every((byte, i) => byte === y[i]);
  });
}
