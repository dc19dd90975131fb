import type { Program, Tensors } from "../engine/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { convert, held, letGo, release, type Tensor } from "../tensor/index.ts";
import {
  type CompareOptions,
  deviationOfNone,
  inputType,
  joined,
  type OutputDeviation,
  outputDeviation,
  samplesOf,
} from "./compare-outputs.ts";
import { type GraphPiece, graphPieces } from "./graph-pieces.ts";
import { inputName, networkOutput } from "./network-graph.ts";

/** Bytes of the weights that are in memory at the same time, unless one operator needs more. */
const PIECE = 2 ** 25;

/**
 * The same as `compareOutputs` with few of the weights in memory: the graph is run piece by piece, all samples through one
 * piece after the other, with the weights of either set in turn.
 */
export async function compareInPieces(
  network: Network,
  pair: readonly [Parameters, Parameters],
  { inputs, engine, precision }: CompareOptions,
): Promise<OutputDeviation> {
  let total = deviationOfNone(inputs);
  for (const stack of inputs) {
    const [count = 1, ...rest] = stack.shape;
    const samples = Array.from({ length: count }, (_, i) => inputType(samplesOf(stack, i, 1), precision));
    const pieces = graphPieces(networkOutput(network, { shape: [1, ...rest], dtype: precision }), PIECE);
    // By parameter set and sample, what has been computed and is still to be read.
    let values = pair.map(() => samples.map((x): Tensors => ({ [inputName]: x })));
    for (const [i, piece] of pieces.entries()) {
      await using program = await engine.compile(piece.outputs);
      const needed = new Set(pieces.slice(i + 1).flatMap(({ inputs, passed }) => [...inputs, ...passed]));
      const next: Tensors[][] = [];
      for (const [side, parameters] of pair.entries()) {
        const weights = weightsOf(piece, parameters, precision);
        const results: Tensors[] = [];
        for (const known of values[side] ?? []) results.push(await runPiece(program, { weights, known, needed }));
        next.push(results);
        letGoOf(weights, parameters);
      }
      values = next;
    }
    const [name] = Object.keys(pieces.at(-1)?.outputs ?? {}) as [string];
    for (const [i, x] of samples.entries()) {
      const [y, z] = values.map((side) => side[i]?.[name] as Tensor) as [Tensor, Tensor];
      total = joined(total, outputDeviation(y, z, x), 1);
    }
  }
  return total;
}

function weightsOf({ inputs }: GraphPiece, parameters: Parameters, precision: CompareOptions["precision"]): Tensors {
  const own = inputs.filter((name) => name !== inputName);
  return Object.fromEntries(own.map((name) => [name, inPrecision(parameters[name] as Tensor, precision)]));
}

function inPrecision(value: Tensor, precision: CompareOptions["precision"]): Tensor {
  const converted = held(convert(value, precision));
  if (value.dtype !== precision) letGo(value);
  return converted;
}

/** Gives the memory of weights back that are not those of parameters themselves. */
function letGoOf(weights: Tensors, parameters: Parameters): void {
  const converted = Object.entries(weights).filter(([name, { dtype }]) => parameters[name]?.dtype !== dtype);
  release(...converted.map(([, { data }]) => data));
}

interface Run {
  readonly weights: Tensors;
  readonly known: Tensors;
  readonly needed: ReadonlySet<string>;
}

/** What is known after a piece, without what no later piece reads. */
async function runPiece(program: Program, { weights, known, needed }: Run): Promise<Tensors> {
  const made = await program.run({ ...weights, ...known });
  const isLast = needed.size === 0;
  return Object.fromEntries(Object.entries({ ...known, ...made }).filter(([name]) => isLast || needed.has(name)));
}
