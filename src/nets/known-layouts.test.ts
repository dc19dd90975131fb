import { describe, expect, it } from "vitest";
import { layoutOf } from "../../test/golden/nets/layouts.ts";
import { bytesSource, openSafetensors } from "../checkpoint/index.ts";
import { rngKey, type Shape } from "../tensor/index.ts";
import {
  encodeModelFile,
  initializeParameters,
  type LayoutOptions,
  lenet,
  mlp,
  type Network,
  networkOf,
  readParameters,
  recognisedNetwork,
  resnet20,
  type StoredTensors,
  vgg16,
} from "./index.ts";

const imagenet = { input: [3, 224, 224], outputs: 1000, width: 64 };
const gpt2 = { net: "gpt2", vocabulary: 50257, context: 1024, width: 768, depth: 12, heads: 12 };
const vit = {
  net: "vit",
  input: [3, 224, 224],
  outputs: 1000,
  patch: 16,
  width: 768,
  depth: 12,
  heads: 12,
  mlpWidth: 3072,
};
const llama2 = {
  net: "llama",
  vocabulary: 32000,
  context: 2048,
  width: 4096,
  depth: 32,
  heads: 32,
  kvHeads: 32,
  headSize: 128,
};
const tinyLlama = { ...llama2, width: 2048, depth: 22, kvHeads: 4, headSize: 64, hidden: 5632 };
const llama3 = { ...tinyLlama, vocabulary: 128256, depth: 16, kvHeads: 8, hidden: 8192, ropeTheta: 500000 };
const usual = { ropeTheta: 10000, epsilon: 1e-5, tied: false };
const tiny = {
  net: "llama",
  vocabulary: 11,
  context: 2048,
  width: 12,
  depth: 2,
  heads: 4,
  kvHeads: 2,
  headSize: 4,
  hidden: 10,
};

const heads = (size: number, count: number) =>
  `head size ${size} (${count} heads): heads are not written in the weights; say --heads to change it`;
const images = "images of 3x224x224: their size is not written in the weights";
const rotary = (theta: number) => [
  "sequences of up to 2048 tokens",
  `rope theta ${theta}, without scaling: it is not written in the weights`,
  "norms with epsilon 0.00001: it is not written in the weights",
];

const cases: readonly (readonly [
  name: string,
  description: object,
  assumptions: readonly string[],
  options?: LayoutOptions,
])[] = [
  ...["resnet18", "resnet34", "resnet50", "resnet101", "resnet152", "vgg11", "vgg13", "vgg16", "vgg19"].map(
    (name) => [name, { net: name, ...imagenet }, [images]] as const,
  ),
  ...["vgg11", "vgg13", "vgg16", "vgg19"].map(
    (name) => [`${name}_bn`, { net: `${name}-bn`, ...imagenet }, [images]] as const,
  ),
  ["gpt2 in memory", gpt2, [heads(64, 12), "lm_head.weight equals wte.weight, as GPT-2 ties them"]],
  ["gpt2 without a head", gpt2, [heads(64, 12)]],
  ["gpt2 saved", { ...gpt2, vocabulary: 1000, depth: 2, heads: 6 }, [], { heads: 6 }],
  ["vit-base saved", vit, [images, heads(64, 12)]],
  ["llama-2-7b", { ...llama2, hidden: 11008, ...usual }, [heads(128, 32), ...rotary(10000)]],
  ["tinyllama-1.1b", { ...tinyLlama, ...usual }, [heads(64, 32), ...rotary(10000)]],
  ["llama-3.2-1b", { ...usual, ...llama3 }, [heads(64, 32), ...rotary(500000)]],
  ["llama-tiny", { ...tiny, ...usual }, rotary(10000), { heads: 4 }],
  ["llama-tiny", { ...tiny, ...usual }, rotary(10000), { kvHeads: 2 }],
  [
    "llama-tiny tied",
    { ...tiny, context: 9, tied: true, ropeTheta: 100, epsilon: 1e-3 },
    [],
    { heads: 4, context: 9, ropeTheta: 100, epsilon: 1e-3 },
  ],
  ["llama-tiny without a head", { ...tiny, ...usual, tied: true }, rotary(10000), { heads: 4 }],
];

describe("recognisedNetwork", () => {
  it.each(cases.map(([name, ...expected]) => [name, expected] as const))(
    "recognises %s",
    (name, [description, assumptions, options]) => {
      const found = recognisedNetwork(layoutOf(name), name, options);
      expect(found?.network.description).toEqual(description);
      expect(found?.assumptions).toEqual(assumptions);
      const parameters = found?.network.parameters.map((parameter) => parameter.name);
      expect([...(found?.names.keys() ?? [])]).toEqual(parameters);
    },
  );

  it.each(["alexnet", "mobilenet_v2", "densenet121"])("does not take %s for one of its own", (name) => {
    expect(recognisedNetwork(layoutOf(name), name)).toBeNull();
  });

  const own: readonly (readonly [string, Network, readonly string[], LayoutOptions?])[] = [
    [
      "mlp",
      mlp({ input: 5, widths: [4, 3], outputs: 2 }),
      ["relu after every hidden layer: activations are not written in the weights"],
    ],
    [
      "mlp without biases",
      mlp({ input: 5, widths: [4], outputs: 2, bias: false, activation: "tanh" }),
      [],
      { activation: "tanh" },
    ],
    ["linear classifier", mlp({ input: [2, 3], widths: [], outputs: 2 }), [], { input: [2, 3] }],
    ["lenet", lenet(), ["images of 1x28x28: their size is not written in the weights"]],
    [
      "lenet",
      lenet({ input: [3, 32, 32], bias: false, outputs: 3 }),
      ["images of 3x32x32: their size is not written in the weights"],
    ],
    ["resnet20", resnet20({ width: 5 }), ["images of 3x32x32: their size is not written in the weights"]],
    [
      "vgg16",
      vgg16({ input: [3, 32, 32], outputs: 10, width: 3 }),
      ["images of 3x32x32: their size is not written in the weights"],
    ],
    ["vgg16-bn", vgg16({ input: [3, 64, 96], batchNorm: true, width: 3 }), [], { input: [3, 64, 96] }],
  ];
  it.each(own.map(([title, ...expected]) => [title, expected] as const))(
    "recognises this library's %s",
    (_, [network, assumptions, options]) => {
      const found = recognisedNetwork(tensorsOf(network), "file", options);
      expect(found?.network.description).toEqual(network.description);
      expect(found?.assumptions).toEqual(assumptions);
    },
  );

  it.each(["module.", "_orig_mod.module.", "state_dict.model."])("sees through the wrapper %s", (wrapper) => {
    for (const name of ["resnet18", "gpt2 in memory", "vit-base saved", "tinyllama-1.1b"]) {
      const plain = recognisedNetwork(layoutOf(name), name);
      const wrapped = new Map([...layoutOf(name)].map(([key, entry]) => [wrapper + key, entry]));
      const found = recognisedNetwork(new Map([...wrapped, ["epoch", { shape: [] }]]), name);
      expect(found?.network.description).toEqual(plain?.network.description);
      expect([...(found?.names.values() ?? [])]).toEqual(
        [...(plain?.names.values() ?? [])].map((key) => wrapper + key),
      );
      expect(found?.extra).toContain("epoch");
    }
  });

  it("ignores the masks that old GPT-2 files hold and the table of old Llama files", () => {
    const masks = { "transformer.h.0.attn.bias": [1, 1, 1024, 1024], "transformer.h.0.attn.masked_bias": [] };
    expect(recognisedNetwork(layoutWith("gpt2 saved", masks), "file")?.extra).toEqual([]);
    const table = { "model.layers.0.self_attn.rotary_emb.inv_freq": [64] };
    expect(recognisedNetwork(layoutWith("llama-2-7b", table), "file")?.extra).toEqual([]);
  });

  it("believes a file that says which tensors are one", () => {
    const gpt = new Map(layoutOf("gpt2 in memory"));
    gpt.set("lm_head.weight", { shape: [50257, 768], sharedWith: "transformer.wte.weight" });
    expect(recognisedNetwork(gpt, "file")?.assumptions).toEqual([heads(64, 12)]);
    const llama = new Map(layoutOf("llama-tiny"));
    llama.set("lm_head.weight", { shape: [11, 12], sharedWith: "model.embed_tokens.weight" });
    expect(recognisedNetwork(llama, "file", { heads: 4 })?.network.description.tied).toBe(true);
  });

  const biased = { "model.layers.0.self_attn.q_proj.bias": [4096] };
  const deeper = { "layer3.2.conv1.weight": [256, 256, 3, 3] };
  it.each([
    [
      "grouped convolutions",
      layoutOf("resnext50_32x4d"),
      '"layer1.0.conv1.weight" is stored [128, 64, 1, 1], the graph wants [64, 64, 1, 1]',
    ],
    [
      "wide bottlenecks",
      layoutOf("wide_resnet50_2"),
      '"layer1.0.conv1.weight" is stored [128, 64, 1, 1], the graph wants',
    ],
    [
      "a missing head",
      layoutOf("vit-base without a head"),
      'of vit, got 198 of them; missing "classifier.weight", "classifier.bias"; name',
    ],
    ["biases of Qwen", layoutWith("llama-2-7b", biased), 'unknown "model.layers.0.self_attn.q_proj.bias"; name'],
    ["other depths", layoutWith("resnet18", deeper), "resnet101, resnet152, got 2-2-3-2"],
    [
      "a gap",
      without("gpt2 saved", "transformer.h.0.ln_1.bias"),
      'of gpt2, got 27 of them; missing "h.0.ln_1.bias"; name',
    ],
    [
      "heads of no usual size",
      layoutOf("llama-tiny"),
      "file: expected heads of 64 in 16 rows of attention, got 0.25; say --heads",
    ],
    [
      "a turned matrix",
      layoutWith("resnet18", { "fc.weight": [512, 1000] }),
      'got 101 of them; "fc.weight" is stored [512, 1000], the graph wants [1000, 512]: transposed; name',
    ],
  ])("refuses %s in one line", (_, entries, message) => {
    expect(() => recognisedNetwork(entries, "file")).toThrow(message);
  });

  it.each([
    [{ heads: 5 }, "expected heads of one size in 16 rows of attention, got 5"],
    [{ heads: 16 / 3 }, "expected heads of one size in 16 rows of attention, got 5.33"],
    [{ heads: 1 }, "expected keys of whole heads of 16, got 8 rows"],
  ])("refuses %j for a Llama that has no such heads", (options, message) => {
    expect(() => recognisedNetwork(layoutOf("llama-tiny"), "file", options)).toThrow(message);
  });
});

function tensorsOf({ parameters }: Network): StoredTensors {
  return new Map(parameters.map(({ name, shape }) => [name, { shape }]));
}

function without(layout: string, name: string): StoredTensors {
  return new Map([...layoutOf(layout)].filter(([key]) => key !== name));
}

function layoutWith(layout: string, tensors: Readonly<Record<string, Shape>>): StoredTensors {
  const added = Object.entries(tensors).map(([name, shape]) => [name, { shape }] as const);
  return new Map([...layoutOf(layout), ...added]);
}

describe("networkOf", () => {
  const network = mlp({ input: 3, widths: [4], outputs: 2, activation: "tanh" });
  const parameters = initializeParameters(network, rngKey(1), "float64");

  async function opened(chunks: readonly Uint8Array<ArrayBuffer>[]) {
    return openSafetensors(bytesSource("file", new Uint8Array(await new Blob([...chunks]).arrayBuffer())));
  }

  it("prefers what the file says", async () => {
    const checkpoint = await opened(encodeModelFile(network, parameters));
    expect(networkOf(checkpoint, "file")).toMatchObject({
      network: { description: network.description },
      assumptions: [],
    });
  });

  it("and readParameters take weights out of a wrapper", async () => {
    const wrapped = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [`module.${name}`, value]));
    const { metadata: _, ...checkpoint } = await opened(encodeModelFile(network, wrapped));
    const bare = { ...checkpoint, metadata: {} };
    const found = networkOf(bare, "file", { activation: "tanh" });
    expect(found?.network.description).toEqual(network.description);
    expect(await readParameters(network, bare, "file")).toEqual(parameters);
  });
});
