import { describe, expect, it } from "vitest";
import { architectures } from "../../test/architectures/index.ts";
import { type Probe, probe, relativeDifference } from "../../test/symmetry/probe.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { rngKey, stridesOf, type Tensor } from "../tensor/index.ts";

const key = rngKey(34);
/** Rounding of float64. */
const unchanged = 1e-10;
/** No perturbation: another function. */
const different = 0.01;

/** What a specification says of one axis of one parameter: where its entries come from and what multiplies them. */
interface Move {
  readonly tensor: string;
  readonly axis: number;
  readonly from?: (index: number) => number;
  readonly scale?: (index: number) => number;
}

function applied(parameters: Parameters, moves: readonly Move[]): Parameters {
  const after: Record<string, Tensor> = { ...parameters };
  for (const { tensor, axis, from = (i: number) => i, scale = () => 1 } of moves) {
    const { shape, dtype, data } = after[tensor] as Tensor<"float64">;
    const [stride, size] = [stridesOf(shape)[axis] as number, shape[axis] as number];
    const moved = data.map((_, at) => {
      const index = Math.floor(at / stride) % size;
      return (data[at + (from(index) - index) * stride] as number) * scale(index);
    });
    after[tensor] = { dtype, shape, data: moved };
  }
  return after;
}

/** Moves of many parameters alike: "name axis". */
function at(sites: readonly string[], move: Omit<Move, "tensor" | "axis">): Move[] {
  return sites.map((site) => {
    const [tensor, axis] = site.split(" ") as [string, string];
    return { tensor, axis: Number(axis), ...move };
  });
}

async function changeBy(name: string, moves: readonly Move[]): Promise<number> {
  const { parameters, outputOf } = await probeOf(name);
  return relativeDifference(await outputOf(parameters), await outputOf(applied(parameters, moves)));
}

function networkOf(name: string): Network {
  return (architectures.find((each) => each.name === name) as { network: Network }).network;
}

function probeOf(name: string): Promise<Probe> {
  return probe(networkOf(name), key);
}

const swap = (a: number, b: number) => (i: number) => (i === a ? b : i === b ? a : i);
const only = (unit: number, by: number) => (i: number) => (i === unit ? by : 1);

const attention = "vit.encoder.layer.0.attention.attention";
const queriesAndKeys = ["query", "key"].flatMap((part) => [
  `${attention}.${part}.weight 0`,
  `${attention}.${part}.bias 0`,
]);
const normalized = [
  "features.0.weight 0",
  "features.0.bias 0",
  "features.1.weight 0",
  "features.1.bias 0",
  "features.3.weight 1",
];
const statistics = ["features.1.running_mean 0", "features.1.running_var 0"];
const llama = "model.layers.0.self_attn";
const feedForward = "model.layers.0.mlp";
const grouped = ["fc1.weight 0", "fc1.bias 0", "norm.weight 0", "norm.bias 0", "fc2.weight 1"];

const stream = [
  ...["wte.weight 1", "wpe.weight 1", "ln_f.bias 0"],
  ...[0, 1].flatMap((i) => [`h.${i}.attn.c_attn.weight 0`, `h.${i}.attn.c_proj.weight 1`, `h.${i}.attn.c_proj.bias 0`]),
  ...[0, 1].flatMap((i) => [`h.${i}.mlp.c_fc.weight 0`, `h.${i}.mlp.c_proj.weight 1`, `h.${i}.mlp.c_proj.bias 0`]),
  ...[0, 1].flatMap((i) => [`h.${i}.ln_1.bias 0`, `h.${i}.ln_2.bias 0`]),
];

/** Specifications that were published or are easily made, each with what makes it right. */
const cases: readonly (readonly [what: string, network: string, wrong: readonly Move[], right: readonly Move[]])[] = [
  [
    "units of queries and keys in different heads",
    "vit",
    at(queriesAndKeys, { from: swap(1, 6) }),
    at(queriesAndKeys, { from: swap(1, 3) }),
  ],
  [
    "statistics of a batch norm left behind",
    "vgg16-bn",
    at(normalized, { from: swap(0, 1) }),
    at([...normalized, ...statistics], { from: swap(0, 1) }),
  ],
  [
    "queries and keys under rotary positions",
    "llama-gqa",
    at([`${llama}.q_proj.weight 0`, `${llama}.k_proj.weight 0`], { from: (i) => (i % 4 < 2 ? i ^ 1 : i) }),
    // Whole groups: four queries of each key head, eight rows each.
    [
      ...at([`${llama}.q_proj.weight 0`], { from: (i) => (i + 8) % 16 }),
      ...at([`${llama}.k_proj.weight 0`, `${llama}.v_proj.weight 0`], { from: (i) => (i + 4) % 8 }),
      ...at([`${llama}.o_proj.weight 1`], { from: (i) => (i + 8) % 16 }),
    ],
  ],
  [
    "sign of a SwiGLU gate",
    "llama-gqa",
    at([`${feedForward}.gate_proj.weight 0`, `${feedForward}.down_proj.weight 1`], { scale: only(2, -1) }),
    at([`${feedForward}.up_proj.weight 0`, `${feedForward}.down_proj.weight 1`], { scale: only(2, -1) }),
  ],
  [
    "scale of a SwiGLU gate",
    "llama-gqa",
    [
      ...at([`${feedForward}.gate_proj.weight 0`], { scale: only(2, 2) }),
      ...at([`${feedForward}.down_proj.weight 1`], { scale: only(2, 0.5) }),
    ],
    [
      ...at([`${feedForward}.up_proj.weight 0`], { scale: only(2, -2) }),
      ...at([`${feedForward}.down_proj.weight 1`], { scale: only(2, -0.5) }),
    ],
  ],
  [
    "channels of different groups of a group norm",
    "mlp-group-norm",
    at(grouped, { from: swap(1, 6) }),
    at(grouped, { from: swap(1, 2) }),
  ],
  [
    "scale of a batch norm and of what it reads, but not of its statistics",
    "vgg16-bn",
    [...at(normalized.slice(0, 4), { scale: only(1, 2) }), ...at(normalized.slice(4), { scale: only(1, 0.5) })],
    [...at(normalized.slice(2, 4), { scale: only(1, 2) }), ...at(normalized.slice(4), { scale: only(1, 0.5) })],
  ],
  [
    "sign through a maximum",
    "max-pool-tanh",
    at(["conv1.weight 0", "conv1.bias 0", "conv2.weight 1"], { scale: only(2, -1) }),
    // Four pixels of each of five channels.
    [
      ...at(["conv2.weight 0", "conv2.bias 0"], { scale: only(2, -1) }),
      ...at(["fc.weight 1"], { scale: (i) => (Math.floor(i / 4) === 2 ? -1 : 1) }),
    ],
  ],
  [
    "scale of GELU units",
    "mlp-gelu",
    [
      ...at(["layers.0.weight 0", "layers.0.bias 0"], { scale: only(3, 2) }),
      ...at(["layers.1.weight 1"], { scale: only(3, 0.5) }),
    ],
    at(["layers.0.weight 0", "layers.0.bias 0", "layers.1.weight 1"], { from: swap(3, 0) }),
  ],
  [
    "sign of one unit of a stream that layer norms read",
    "gpt2",
    at(stream, { scale: only(2, -1) }),
    // All of them together: a layer norm is odd but for its offset.
    at(stream, { scale: () => -1 }),
  ],
];

describe("specifications written by hand", () => {
  it.each(cases)("are wrong where they move the %s of %s", async (_, name, wrong, right) => {
    expect(await changeBy(name, wrong)).toBeGreaterThan(different);
    expect(await changeBy(name, right)).toBeLessThan(unchanged);
  });
});
