import { type Engine, referenceEngine } from "../engine/index.ts";
import { InputError } from "../errors.ts";
import { input, topologicalOrder, type Value } from "../graph/index.ts";
import type { Parameters } from "../nets/index.ts";
import { convert, elementCount } from "../tensor/index.ts";

/** What computes a certificate, and how precisely. */
export interface Precision {
  readonly engine: Engine;
  readonly precision: "float64" | "float32";
}

/** Products and elements that the reference engine computes in some seconds. */
const referenceWork = 2 ** 28;

/**
 * Float64 on the given engine; where that has none, on the reference engine if it is asked for or the work is small, and
 * otherwise float32 on the given engine.
 */
export async function precisionFor(
  engine: Engine,
  { precision, work }: { readonly precision: "float64" | "float32" | undefined; readonly work: () => number },
): Promise<Precision> {
  if (precision === "float32") return { engine, precision };
  if (await hasFloat64(engine)) return { engine, precision: "float64" };
  const isSmall = precision === "float64" || work() <= referenceWork;
  return isSmall ? { engine: referenceEngine(), precision: "float64" } : { engine, precision: "float32" };
}

async function hasFloat64(engine: Engine): Promise<boolean> {
  try {
    const x = input("x", "float64", [1]);
    await using _program = await engine.compile({ y: x.add(x) });
    return true;
  } catch (error) {
    if (error instanceof InputError && error.code === "unsupported-dtype") return false;
    throw error;
  }
}

/** Parameters in the type that they are computed in. */
export function inPrecision(parameters: Parameters, precision: Precision["precision"]): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, convert(value, precision)]));
}

/** Products of matrices and convolutions, and elements of all else, that a graph computes. */
export function workOf(outputs: readonly Value[]): number {
  return topologicalOrder(outputs).reduce((work, value) => work + workAt(value), 0);
}

function workAt({ op, shape, operands, attributes }: Value): number {
  const [x, w] = operands as readonly [Value, Value];
  const elements = elementCount(shape);
  switch (op) {
    case "MatMul":
      return elements * (x.shape.at(-1) as number);
    case "FusedMatMul":
    case "Gemm":
      return elements * (x.shape.at((attributes as { readonly transA: boolean }).transA ? -2 : -1) as number);
    case "Conv":
      return elements * elementCount(w.shape.slice(1));
    case "ConvInputGrad":
      return elementCount(x.shape) * elementCount(w.shape.slice(1));
    default:
      return elements;
  }
}
