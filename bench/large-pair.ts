import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { encodeCheckpoint } from "../src/checkpoint/index.ts";
import { descriptionKey, llama, type Network } from "../src/nets/index.ts";
import { writeFileAtomically } from "../src/node/index.ts";
import { act, discoverSymmetry, identity, randomElement } from "../src/symmetry/index.ts";
import {
  bfloat16Bits,
  elementCount,
  fold,
  lazyTensor,
  normal,
  type RngKey,
  rngKey,
  type Shape,
  shelf,
  type Tensor,
  uniform,
} from "../src/tensor/index.ts";

/** Whether the second of a pair has weights of its own, or the first's renumbered and one in eight drawn anew. */
export type PairKind = "independent" | "planted";

/** Llama with the sizes of the model of 7 billion parameters, but for the number of its layers. */
export function llama7b(depth: number): Network {
  return llama({ vocabulary: 32000, width: 4096, depth, heads: 32, kvHeads: 32, hidden: 11008 });
}

interface PairOptions {
  readonly seed: number;
  readonly kind: PairKind;
}

/** Writes two checkpoints of a network in bfloat16, tensor by tensor. */
export async function writePair(
  network: Network,
  paths: readonly [string, string],
  { seed, kind }: PairOptions,
): Promise<void> {
  const key = rngKey(seed);
  const draw = drawer(key);
  const first = drawn(network, (name, shape) => draw(fold(key, "first", name), shape));
  const other = drawn(network, (name, shape) => {
    const own = draw(fold(key, "second", name), shape);
    if (kind === "independent") return own;
    const kept = (first[name] as Tensor).data as Uint16Array;
    return own.map((bits, i) => ((bits & 7) === 0 ? bits : (kept[i] as number)));
  });
  const group = discoverSymmetry(network);
  const { permutations } = randomElement(group, fold(key, "element"));
  const element = { permutations, scales: identity(group).scales };
  const second = kind === "planted" ? act(group, element, other) : other;
  const metadata = { [descriptionKey]: JSON.stringify(network.description) };
  for (const [i, tensors] of [first, second].entries()) {
    await writeFileAtomically(paths[i] as string, encodeCheckpoint("safetensors", tensors, metadata), { force: true });
  }
}

type Bits = Uint16Array<ArrayBuffer>;

function drawn({ parameters }: Network, draw: (name: string, shape: Shape) => Bits): Record<string, Tensor> {
  const on = shelf();
  return Object.fromEntries(
    parameters.map(({ name, shape }) => [
      name,
      lazyTensor({ dtype: "bfloat16", shape, load: () => draw(name, shape) }, on),
    ]),
  );
}

const DEVIATION = 0.02;
const BLOCK = 2 ** 20;

/** Normal weights out of a table, three to each draw: billions are needed. */
function drawer(key: RngKey): (key: RngKey, shape: Shape) => Bits {
  const table = Uint16Array.from(normal(fold(key, "table"), [2 ** 16], { deviation: DEVIATION }).data, bfloat16Bits);
  return (own, shape) => {
    const bits = new Uint16Array(elementCount(shape));
    for (let start = 0; start < bits.length; start += 3 * BLOCK) {
      const { data } = uniform(fold(own, start), [BLOCK], { dtype: "float64" });
      const end = Math.min(bits.length, start + 3 * BLOCK);
      for (let i = start, k = 0; i < end; i += 3, k++) {
        const draw = data[k] as number;
        bits[i] = table[Math.floor(draw * 2 ** 16)] as number;
        bits[i + 1] = table[Math.floor(draw * 2 ** 32) % 2 ** 16] as number;
        bits[i + 2] = table[Math.floor(draw * 2 ** 48) % 2 ** 16] as number;
      }
    }
    return bits;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { layers: { type: "string" }, seed: { type: "string" }, planted: { type: "boolean" } },
  });
  const [a, b] = positionals;
  if (!a || !b)
    throw new Error("expected two files to write, as in: node bench/large-pair.ts a.safetensors b.safetensors");
  const kind = values.planted ? "planted" : "independent";
  await writePair(llama7b(Number(values.layers ?? 2)), [a, b], { seed: Number(values.seed ?? 0), kind });
}
