import { topologicalOrder, type Value } from "../graph/index.ts";
import type { Network } from "../nets/index.ts";
import { fold, normal, permutation, type RngKey, stack, type Tensor, tensor } from "../tensor/index.ts";
import { inputName, networkOutput } from "./network-graph.ts";

/** Sequences of tokens beyond the first are this long: only the first has to reach every position. */
const shortSequence = 64;

/**
 * Random inputs, in stacks of one shape each. Real ones are standard normal, of three or more the last two times 0.1 and
 * 10. Tokens run through the vocabulary, every time in another random order, so that enough of them meet every row of an
 * embedding; the first sequence is as long as the network takes unless all are to be short, the others are short.
 */
export function probeInputs(network: Network, key: RngKey, count: number, { isShort = false } = {}): Tensor[] {
  return network.inputKind === "real" ? [realProbes(network, key, count)] : tokenProbes(network, key, count, isShort);
}

function realProbes({ inputShape }: Network, key: RngKey, count: number): Tensor {
  const probes = Array.from({ length: count }, (_, i) => {
    const deviation = count < 3 ? 1 : i === count - 2 ? 0.1 : i === count - 1 ? 10 : 1;
    return normal(fold(key, "probe", i), inputShape, { dtype: "float64", deviation });
  });
  return stack(probes);
}

function tokenProbes(network: Network, key: RngKey, count: number, isShort: boolean): Tensor[] {
  const [context = 1] = network.inputShape;
  const short = Math.min(context, shortSequence);
  const length = isShort ? short : context;
  const tokens = tokenStream(key, vocabularyOf(network), length + (count - 1) * short);
  const whole = tensor("int64", [1, length], tokens.slice(0, length));
  return count === 1 ? [whole] : [whole, tensor("int64", [count - 1, short], tokens.slice(length))];
}

function tokenStream(key: RngKey, vocabulary: number, count: number): BigInt64Array<ArrayBuffer> {
  const stream = new BigInt64Array(count);
  let order = new Int32Array(0);
  for (let i = 0; i < count; i++) {
    const at = i % vocabulary;
    if (at === 0) order = permutation(fold(key, "tokens", i / vocabulary), vocabulary);
    stream[i] = BigInt(order[at] as number);
  }
  return stream;
}

/** Rows of the smallest table in which tokens are looked up. */
function vocabularyOf(network: Network): number {
  const output = networkOutput(network, { shape: [1, ...network.inputShape], dtype: "float64" });
  const tokens = new Set<Value>();
  const sizes: number[] = [];
  for (const value of topologicalOrder([output])) {
    const [table, indices] = value.operands as readonly [Value?, Value?];
    const isLookup = value.op === "Gather" && indices && tokens.has(indices);
    if (isLookup) sizes.push(table?.shape[(value as Value<"Gather">).attributes.axis] as number);
    else if (isInput(value, inputName) || value.operands.some((operand) => tokens.has(operand))) tokens.add(value);
  }
  return sizes.length > 0 ? Math.min(...sizes) : network.outputs;
}

function isInput(value: Value, name: string): boolean {
  return value.op === "Input" && (value as Value<"Input">).attributes.name === name;
}
