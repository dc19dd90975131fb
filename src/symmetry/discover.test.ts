import { describe, expect, it } from "vitest";
import { architectures } from "../../test/architectures/index.ts";
import { largestDifference, probe, relativeDifference, small } from "../../test/symmetry/probe.ts";
import { randomNetwork } from "../../test/symmetry/random-network.ts";
import { factorial } from "../counting/index.ts";
import { concat, conv, type Value } from "../graph/index.ts";
import { batchNorm, defineNetwork, mlp, type Network } from "../nets/index.ts";
import { allocate, elementCount, fold, rngKey, stridesOf, type Tensor, tensor } from "../tensor/index.ts";
import {
  act,
  type Block,
  compose,
  discoverSymmetry,
  inverse,
  type Layout,
  type Run,
  randomElement,
  type SymmetryGroup,
} from "./index.ts";
import { runsOf } from "./indexing.ts";

const key = rngKey(33);
const tolerance = 1e-10;

const vgg = (layers: readonly number[]) =>
  [2, 2, 4, 4, 8, 8, 8, 16, 16, 16, 16, 16, 16].map((size, i) => `features.${layers[i]} ${size}`).join(", ");
const vggHead = ", classifier.0 16, classifier.3 16";

/** Each stage has one stream and an inner width per block; a projection starts a new stream. */
function residual(blocks: readonly number[], inner: readonly string[], stream: string, expansion: number): string {
  const stages = blocks.map((count, i) => {
    const [stage, width] = [`layer${i + 1}`, 2 ** (i + 1)];
    const starts = i > 0 || expansion > 1;
    return Array.from({ length: count }, (_, block) => {
      const names = inner.map((name) => `${stage}.${block}.${name} ${width}`);
      const own = `${stage}.0.${stream} ${width * expansion}`;
      return [...names, ...(block === 0 && starts ? [own] : [])].join(", ");
    }).join(", ");
  });
  return ["conv1 2", ...stages].join(", ");
}

function transformer(stream: string, layer: (i: number) => readonly string[]): string {
  return [stream, ...layer(0), ...layer(1)].join(", ");
}

const vitLayer = (i: number) => {
  const layer = `vit.encoder.layer.${i}`;
  const attention = `${layer}.attention.attention`;
  return [
    `${attention}.query 2`,
    `${attention}.query#2 4x2`,
    `${attention}.value 4x2`,
    `${layer}.intermediate.dense 6`,
  ];
};
const gptLayer = (i: number) => [
  `h.${i}.attn.c_attn 2`,
  `h.${i}.attn.c_attn#2 4x2`,
  `h.${i}.attn.c_attn#3 4x2`,
  `h.${i}.mlp.c_fc 32`,
];
const llamaLayer = (attention: readonly string[]) => (i: number) => [
  ...attention.map((each) => `model.layers.${i}.self_attn.${each}`),
  `model.layers.${i}.mlp.gate_proj 6`,
];

/**
 * The factors of each architecture (size, copies, ! where the order is fixed) and the numbers of its scales and signs.
 * Signs of batch norms: one per channel of every convolution. Scales: twice as many, for the weights and
 * for the gain with the variance, and one for each unit whose norm is followed by ReLU and no other use: each inner width
 * and each stream.
 */
const expected: Readonly<Record<string, readonly [factors: string, scales: number, signs: number]>> = {
  "mlp-relu": ["layers.0 6, layers.1 4", 10, 0],
  "mlp-tanh": ["layers.0 6, layers.1 4", 0, 10],
  "mlp-gelu": ["layers.0 6, layers.1 4", 0, 0],
  "linear-bottleneck": ["first 6, down 2, up 5", 13, 2],
  "mlp-group-norm": ["fc1 2, fc1#2 4x2", 8, 0],
  "tied-autoencoder": ["weight 4", 0, 4],
  lenet: ["conv1 20, conv2 50, fc1 500", 570, 0],
  vgg16: [vgg([0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28]) + vggHead, 132 + 32, 0],
  "vgg16-bn": [vgg([0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40]) + vggHead, 3 * 132 + 32, 132],
  resnet18: [residual([2, 2, 2, 2], ["conv1"], "conv2", 1), 2 * 150 + 30 + 60, 150],
  resnet20: [residual([3, 3, 3], ["conv1"], "conv2", 1), 2 * 98 + 14 + 42, 98],
  resnet50: [residual([3, 4, 6, 3], ["conv1", "conv2"], "conv3", 4), 2 * 830 + 2 + 236 + 120, 830],
  "resnet-option-a": [
    "stem.conv 4, block1.1.conv 4, block2.1.conv 8, block2.2.conv 2, block2.2.conv#2 2",
    2 * 28 + 8 + 12,
    28,
  ],
  // ReLU6 has no scale: the two gauges of each convolution, and what is linear between `project` and `last`.
  "mobilenet-v2": [
    "stem.conv 4, block1.expand.conv 8, block2.expand.conv 8, block2.project.conv 6, last.conv 8",
    2 * 54 + 6,
    54 + 6,
  ],
  resnext: ["stem.conv 6, reduce.conv 4, reduce.conv#2 2x4, grouped.conv 2x4", 2 * 28 + 6 + 16, 28],
  // Each batch norm of the joined features has gains of its own.
  densenet: ["stem 4, layer1.conv 3, layer2.conv 3", 10 + 2 * (4 + 7 + 10), 10],
  "conv-flatten-dense": ["conv 4, fc1 5", 9, 0],
  "max-pool-tanh": ["conv1 4, conv2 5", 0, 5],
  "unet-transposed": ["down 4, bottom 5, enlarge 3, up 4", 16, 3],
  "unet-nearest": ["down 4, bottom 5, enlarge 3, up 4", 16, 3],
  "lstm-stacked": ["cell.weight_ih 5", 0, 5],
  "lstm-separate": ["cell.gate3.weight_ih 5", 0, 5],
  "gru-stacked": ["cell.weight_ih 5", 0, 5],
  "gru-separate": ["cell.gate2.weight_ih 5", 0, 5],
  // Gains of five norms and, in each layer, the units of two heads' queries and values.
  vit: [transformer("vit.embeddings.cls_token 8", vitLayer), 5 * 8 + 2 * 16, 5 * 8 + 2 * 16],
  gpt2: [transformer("wte 8", gptLayer), 4 * 8 + 2 * 16, 4 * 8 + 2 * 16],
  // Gains, planes, values and `up`; RMS norms also let the stream's signs through.
  "llama-mha": [
    transformer("model.embed_tokens 8", llamaLayer(["q_proj 4", "v_proj 2x4"])),
    5 * 8 + 2 * (4 + 8 + 6),
    6 * 8 + 2 * (4 + 8 + 6),
  ],
  "llama-mha-tied": [
    transformer("model.embed_tokens 8", llamaLayer(["q_proj 4", "v_proj 2x4"])),
    4 * 8 + 2 * (4 + 8 + 6),
    5 * 8 + 2 * (4 + 8 + 6),
  ],
  "llama-gqa": [
    transformer("model.embed_tokens 8", llamaLayer(["q_proj 2", "q_proj#2 2x2", "q_proj#3 2x2!", "v_proj 4x2"])),
    5 * 8 + 2 * (4 + 8 + 6),
    6 * 8 + 2 * (4 + 8 + 6),
  ],
  "llama-gqa-tied": [
    transformer("model.embed_tokens 8", llamaLayer(["q_proj 2", "q_proj#2 2x2", "v_proj 2x2"])),
    4 * 8 + 2 * (2 + 4 + 6),
    5 * 8 + 2 * (2 + 4 + 6),
  ],
};

function factorsOf({ factors }: SymmetryGroup): string {
  return factors
    .map(({ name, size, copies, permutes }) => `${name} ${size}${copies > 1 ? `x${copies}` : ""}${permutes ? "" : "!"}`)
    .join(", ");
}

function unitsOf({ factors, generators }: SymmetryGroup, wanted: "scale" | "sign"): number {
  const each = generators.filter(({ kind }) => kind === wanted).map(({ factor }) => factors[factor]);
  return each.reduce((sum, factor) => sum + (factor?.size ?? 0) * (factor?.copies ?? 0), 0);
}

it("knows what to expect of every architecture", () => {
  expect(Object.keys(expected).sort()).toEqual(architectures.map(({ name }) => name).sort());
});

/** Ties that may be dropped: a key bias adds the same to all scores of a query. */
const idle = /(?:attention\.key\.bias axis 0 leaf [01]|attn\.c_attn\.bias axis 0 leaf [23]) /;
/** Sites that are tried of each architecture, evenly spread. */
const mostSites = 40;

describe.each(architectures.map(({ name, network }) => [name, network] as const))("%s", (name, network) => {
  const group = discoverSymmetry(network);

  it("has the factors, scales and signs that its layers say", () => {
    const [factors, scales, signs] = expected[name] as readonly [string, number, number];
    expect(factorsOf(group)).toBe(factors);
    expect(unitsOf(group, "scale")).toBe(scales);
    expect(unitsOf(group, "sign")).toBe(signs);
    expect(group.unknownOperators).toEqual([]);
  });

  it("computes something else where one site is left behind", async () => {
    const { parameters, outputOf } = await probe(network, key, 1);
    const output = await outputOf(parameters);
    const element = randomElement(group, key);
    const moved = act(group, element, parameters);
    const tries = sites(group).flatMap(({ tensor, axis, leaf }) =>
      (["factor", "powers"] as const).flatMap((part) => {
        const layout = without(group.layouts[tensor] as Layout, { axis, leaf, part });
        const left = act({ ...group, layouts: { [tensor]: layout } }, element, parameters)[tensor] as Tensor;
        const isMoved = relativeDifference(moved[tensor] as Tensor, left) > 1e-6;
        return isMoved
          ? [{ label: `${tensor} axis ${axis} leaf ${leaf} ${part}`, mutant: { ...moved, [tensor]: left } }]
          : [];
      }),
    );
    const step = Math.max(1, Math.ceil(tries.length / mostSites));
    for (const { label, mutant } of tries.filter((_, i) => i % step === 0)) {
      const difference = relativeDifference(output, await outputOf(mutant));
      if (idle.test(label)) expect(difference, label).toBeLessThan(tolerance);
      else expect(difference, label).toBeGreaterThan(1e-6);
    }
  });
});

function sites({ factors }: SymmetryGroup) {
  const all = factors.flatMap(({ sites }) => (sites.length > 1 ? sites : []));
  return [...new Map(all.map((site) => [`${site.tensor} ${site.axis} ${site.leaf}`, site])).values()];
}

/** A layout of which one run is not permuted, or not scaled. */
function without(
  layout: Layout,
  { axis, leaf, part }: { axis: number; leaf: number; part: "factor" | "powers" },
): Layout {
  const still = (run: Run): Run => (part === "factor" ? { ...run, factor: null } : { ...run, powers: [] });
  const visit = (block: Block): Block => {
    if ("sum" in block) return { ...block, sum: block.sum.map((each) => each.map(visit)) };
    return block.place.leaf === leaf ? still(block) : block;
  };
  return { ...layout, axes: layout.axes.map((blocks, i) => (i === axis ? blocks.map(visit) : blocks)) };
}

/** Networks of which every axis has two entries, so that all ways of permuting all axes can be tried. */
const tiny: readonly (readonly [string, Network])[] = [
  ["a perceptron", mlp({ input: 2, widths: [2, 2], outputs: 2 })],
  [
    "a recurrent matrix",
    small([2], 2, (x, weight) => {
      const recurrent = weight("recurrent", [2, 2]);
      const first = x.matmul(weight("in", [2, 2])).tanh();
      return first
        .matmul(recurrent)
        .tanh()
        .matmul(recurrent)
        .tanh()
        .matmul(weight("out", [2, 2]));
    }),
  ],
  [
    "features joined to themselves",
    small([2], 2, (x, weight) => {
      const [a, b] = [x.matmul(weight("a", [2, 2])).tanh(), x.matmul(weight("b", [2, 2])).tanh()];
      return a
        .mul(b)
        .matmul(weight("out", [2, 2]))
        .add(a.matmul(weight("skip", [2, 2])));
    }),
  ],
  [
    "batch norm between convolutions",
    defineNetwork({
      description: { net: "tiny" },
      inputShape: [2, 2, 1],
      inputKind: "real",
      outputs: 2,
      forward: (x, scope) => {
        const weight = (name: string) => scope.weight(name, [2, 2, 1, 1], { kind: "normal", deviation: 1 });
        return conv(batchNorm(scope.within("bn"), conv(x, weight("a"))).relu(), weight("b")).mean([2, 3]);
      },
    }),
  ],
  [
    "two heads of attention",
    small([2, 2], 2, (x, weight) => {
      const part = (name: string) => x.matmul(weight(name, [2, 2])).reshape([x.shape[0] as number, 2, 2, 1]);
      const [q, k, v] = ["q", "k", "v"].map(part) as [Value, Value, Value];
      const scores = q
        .transpose([0, 2, 1, 3])
        .matmul(k.transpose([0, 2, 3, 1]))
        .softmax();
      const mixed = scores.matmul(v.transpose([0, 2, 1, 3])).transpose([0, 2, 1, 3]);
      return mixed.reshape([x.shape[0] as number, 2, 2]).matmul(weight("o", [2, 2]));
    }),
  ],
];

describe("brute force", () => {
  it.each(tiny)("finds no more permutations of all axes of %s", async (_, network) => {
    const { parameters, outputOf } = await probe(network, key);
    const output = await outputOf(parameters);
    const axes = Object.entries(parameters).flatMap(([name, { shape }]) =>
      shape.flatMap((size, axis) => (size === 2 ? [{ name, axis }] : [])),
    );
    let found = 0;
    for (let subset = 0; subset < 2 ** axes.length; subset++) {
      const flipped = axes.filter((_, i) => (subset >> i) % 2 === 1);
      const after: Record<string, Tensor> = { ...parameters };
      for (const { name, axis } of flipped) after[name] = reversed(after[name] as Tensor, axis);
      if (relativeDifference(output, await outputOf(after)) < tolerance) found++;
    }
    expect(found).toBe(permutationsIn(discoverSymmetry(network)));
  });
});

function reversed({ dtype, shape, data }: Tensor, axis: number): Tensor {
  const stride = stridesOf(shape)[axis] as number;
  const after = allocate(dtype, elementCount(shape)) as Float64Array<ArrayBuffer>;
  for (const i of data.keys()) {
    const isFirst = Math.floor(i / stride) % 2 === 0;
    after[i] = data[isFirst ? i + stride : i - stride] as number;
  }
  return tensor(dtype as "float64", shape, after);
}

function permutationsIn({ factors }: SymmetryGroup): number {
  return factors.reduce(
    (product, { size, copies, permutes }) => product * (permutes ? Number(factorial(size)) ** copies : 1),
    1,
  );
}

describe("degenerate networks", () => {
  const group = (forward: (x: Value, weight: (name: string, shape: readonly number[]) => Value) => Value) =>
    discoverSymmetry(small([3], 3, forward));

  it("have nothing to permute without hidden units", () => {
    const linear = group((x, weight) => x.matmul(weight("w", [3, 3])).add(weight("b", [3])));
    expect(linear.factors).toEqual([]);
    expect(linear.pinned.map(({ tensor, axis }) => `${tensor} ${axis}`)).toEqual(["w 0", "w 1", "b 0"]);
  });

  it("may have a single hidden unit, unused parameters and none at all", () => {
    const one = group((x, weight) =>
      x
        .matmul(weight("in", [3, 1]))
        .relu()
        .matmul(weight("out", [1, 3])),
    );
    expect(one.factors.every(({ size }) => size === 1)).toBe(true);
    const unused = group((x, weight) => {
      weight("unused", [4, 5]);
      return x.add(weight("b", [3]));
    });
    expect(unused.factors).toEqual([]);
    expect(group((x) => x.relu()).layouts).toEqual({});
  });

  it("are as symmetric as the uses of a shared parameter allow", () => {
    const square = group((x, weight) =>
      x
        .matmul(weight("w", [3, 3]))
        .relu()
        .matmul(weight("w", [3, 3])),
    );
    expect(square.factors).toEqual([]);
    const recurrent = group((x, weight) => {
      const step = weight("step", [4, 4]);
      const first = x.matmul(weight("in", [3, 4])).relu();
      return first
        .matmul(step)
        .relu()
        .matmul(step)
        .relu()
        .matmul(weight("out", [4, 3]));
    });
    expect(factorsOf(recurrent)).toBe("in 4");
    expect(unitsOf(recurrent, "scale")).toBe(4);
  });

  it("pin what is shifted against itself or cut in blocks that do not fit", () => {
    const hidden = (x: Value, weight: (name: string, shape: readonly number[]) => Value) =>
      x.matmul(weight("in", [3, 24])).relu();
    const shifted = group((x, weight) => {
      const h = hidden(x, weight);
      return concat([h.slice(1, 1), h.slice(1, 0, 1)], 1)
        .add(h)
        .matmul(weight("out", [24, 3]));
    });
    expect(shifted.factors).toEqual([]);
    const misfit = group((x, weight) => {
      const h = hidden(x, weight);
      const sums = (a: number, b: number) =>
        h
          .reshape([x.shape[0] as number, a, b])
          .sum(2)
          .matmul(weight(`out${a}`, [a, 3]));
      return sums(4, 6).add(sums(6, 4));
    });
    expect(misfit.factors).toEqual([]);
  });

  it("may be 2,000 layers deep", () => {
    const depth = 2000;
    const deep = group((x, weight) => {
      let y = x;
      for (let i = 0; i < depth; i++) y = y.matmul(weight(`${i}`, [3, 3])).relu();
      return y;
    });
    expect(deep.factors.length).toBe(depth - 1);
    expect(deep.generators.length).toBe(depth - 1);
  });

  it("may be wide", () => {
    const wide = group((x, weight) =>
      x
        .matmul(weight("in", [3, 100_000]))
        .relu()
        .matmul(weight("out", [100_000, 3])),
    );
    expect(factorsOf(wide)).toBe("in 100000");
  });
});

it("lists every run of a parameter among the sites of its factor", () => {
  for (const { network } of architectures) {
    const { layouts, factors } = discoverSymmetry(network);
    const runs = Object.values(layouts).flatMap(({ axes }) => axes.flatMap(runsOf));
    const permuted = runs.filter(({ factor }) => factor !== null).length;
    const listed = factors.reduce((sum, { permutes, sites }) => sum + (permutes ? sites.length : 0), 0);
    expect(listed).toBe(permuted);
  }
});

it("moves units alike in all blocks where the blocks that share a reader do not fit", async () => {
  const network = small([3], 2, (x, weight) => {
    const hidden = x.matmul(weight("in", [3, 12])).reshape([x.shape[0] as number, 2, 2, 3]);
    const reader = weight("out", [12, 2]);
    const direct = hidden.tanh().flatten().matmul(reader);
    return direct.add(hidden.relu().transpose([0, 1, 3, 2]).flatten().matmul(reader));
  });
  const group = discoverSymmetry(network);
  expect(factorsOf(group)).toBe("in 2");
  const { parameters, outputOf } = await probe(network, key);
  const moved = act(group, { permutations: [Int32Array.of(1, 0)], scales: [] }, parameters);
  expect(moved).not.toEqual(parameters);
  expect(relativeDifference(await outputOf(parameters), await outputOf(moved))).toBeLessThan(tolerance);
});

describe("random networks", () => {
  it("compute the same under random elements of their groups, which act as groups do", async () => {
    for (let seed = 0; seed < 300; seed++) {
      const network = randomNetwork(fold(key, seed));
      const group = discoverSymmetry(network);
      const { parameters, outputOf } = await probe(network, key);
      const [a, b] = [randomElement(group, fold(key, "a")), randomElement(group, fold(key, "b"))];
      const after = act(group, a, parameters);
      expect(relativeDifference(await outputOf(parameters), await outputOf(after)), `seed ${seed}`).toBeLessThan(1e-8);
      const twice = act(group, b, after);
      expect(largestDifference(act(group, compose(group, b, a), parameters), twice), `seed ${seed}`).toBeLessThan(
        1e-12,
      );
      expect(largestDifference(act(group, inverse(group, a), after), parameters), `seed ${seed}`).toBeLessThan(1e-12);
    }
  });
});
