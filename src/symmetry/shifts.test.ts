import { describe, expect, it } from "vitest";
import { type Architecture, architectures, randomParameters } from "../../test/architectures/index.ts";
import { outputChange } from "../../test/output-change.ts";
import { randomShift } from "../../test/symmetry/random-shift.ts";
import { apply, conv, input, type Value } from "../graph/index.ts";
import type { Network } from "../nets/index.ts";
import { fold, rngKey, type Tensor } from "../tensor/index.ts";
import { discoverGraph, discoverNetwork } from "./discover.ts";
import { type Shift, shiftsOf } from "./shifts.ts";

const key = rngKey(32);

/** Rounding through a few layers, relative to the largest output. */
const tolerance = 1e-9;

function find(name: string): Network {
  return (architectures.find((each) => each.name === name) as Architecture).network;
}

/** The largest change of the output, relative to the largest output, under each shift drawn at random. */
function outputChanges(network: Network, shifts: readonly Shift[]): Promise<number[]> {
  const parameters = randomParameters(network, key);
  const changes = shifts.map((shift) => ({ ...parameters, ...drawn(network, shift) }));
  return Promise.all(changes.map((changed) => outputChange(network, key, [parameters, changed])));
}

/** A shift drawn at random, and with it the running means that take it up, which lie along the same channels. */
function drawn(network: Network, { tensor, along, range, means }: Shift): Readonly<Record<string, Tensor>> {
  const parameters = randomParameters(network, key);
  const shift = fold(key, tensor, range?.start ?? 0);
  return Object.fromEntries(
    [tensor, ...means].map((name) => [
      name,
      randomShift(shift, parameters[name] as Tensor<"float64">, { along, range }),
    ]),
  );
}

describe.each(["vgg16-bn", "vit", "gpt2", "mlp-group-norm"])("the shifts of %s", (name) => {
  const network = find(name);
  const discovery = discoverNetwork(network);
  const shifts = shiftsOf(discovery);

  it("leave the output as it is", async () => {
    const moved = await outputChanges(network, shifts);
    expect(Math.max(...moved)).toBeLessThan(tolerance);
  });

  it("are all that there are among the biases", async () => {
    const whole = new Set(shifts.flatMap(({ tensor, along }) => (along === null ? [tensor] : [])));
    const biases = [...discovery.parameters.keys()].filter((each) => each.endsWith("bias") && !whole.has(each));
    const all = biases.map((tensor) => ({ tensor, along: null, range: null, dimension: 0, absorbedBy: [], means: [] }));
    const moved = await outputChanges(network, all);
    expect(biases.length).toBeGreaterThan(0);
    expect(Math.min(...moved)).toBeGreaterThan(100 * tolerance);
  });
});

describe("shiftsOf", () => {
  const softmaxShifts = (name: string) =>
    shiftsOf(discoverNetwork(find(name))).filter(({ absorbedBy }) => absorbedBy.includes("Softmax"));

  it("finds the key biases of an attention that has them", () => {
    const layers = [0, 1].map((i) => `vit.encoder.layer.${i}.attention.attention.key.bias`);
    const parts = { along: null, dimension: 8, absorbedBy: ["Softmax"], means: [] };
    expect(softmaxShifts("vit")).toEqual(layers.map((tensor) => ({ tensor, range: null, ...parts })));
    expect(softmaxShifts("gpt2")).toEqual(
      [0, 1].map((i) => ({ tensor: `h.${i}.attn.c_attn.bias`, range: { axis: 0, start: 8, end: 16 }, ...parts })),
    );
    expect(shiftsOf(discoverNetwork(find("llama-gqa")))).toEqual([]);
  });

  it("finds what all writers of a stream that is only read through layer norms have in common", () => {
    const dimensions = shiftsOf(discoverNetwork(find("vit"))).flatMap(({ tensor, dimension, absorbedBy }) =>
      absorbedBy.includes("LayerNormalization")
        ? [[tensor.replace(/^vit\.(embeddings|encoder)\./, ""), dimension]]
        : [],
    );
    const layer = (i: number) => [
      [`layer.${i}.attention.output.dense.weight`, 8],
      [`layer.${i}.attention.output.dense.bias`, 1],
      [`layer.${i}.output.dense.weight`, 6],
      [`layer.${i}.output.dense.bias`, 1],
    ];
    expect(dimensions).toEqual([
      ["cls_token", 1],
      ["patch_embeddings.projection.weight", 8],
      ["patch_embeddings.projection.bias", 1],
      ["position_embeddings", 7],
      ...layer(0),
      ...layer(1),
    ]);
  });

  it("moves the running means behind a convolution, where they are its own", () => {
    const shifts = shiftsOf(discoverNetwork(find("vgg16-bn")));
    expect(shifts).toHaveLength(13);
    expect(shifts[0]).toEqual({
      tensor: "features.0.bias",
      range: null,
      along: null,
      dimension: 2,
      absorbedBy: ["BatchNormalization"],
      means: ["features.1.running_mean"],
    });
    expect(shiftsOf(discoverNetwork(find("resnet18")))).toEqual([]);
  });

  const parameter = (name: string, shape: readonly number[]) => input(name, "float64", shape);
  const norm = (x: Value, mean: Value) =>
    apply(
      "BatchNormalization",
      [x, ...["gamma", "beta"].map((name) => parameter(name, [4])), mean, parameter("variance", [4])],
      { epsilon: 1e-5 },
    );
  const convolved = conv(parameter("x", [2, 3, 5, 5]), parameter("w", [4, 3, 3, 3]), { bias: parameter("bias", [4]) });
  const shiftsIn = (output: Value) => shiftsOf(discoverGraph([output], ["bias", "mean"])).map(({ tensor }) => tensor);

  it("finds none where a mean serves two norms, an activation stands between, or another reads the channel", () => {
    const mean = parameter("mean", [4]);
    expect(shiftsIn(norm(convolved, mean))).toEqual(["bias"]);
    expect(shiftsIn(norm(convolved, mean).add(norm(parameter("y", [2, 4, 3, 3]), mean)))).toEqual([]);
    expect(shiftsIn(norm(convolved.relu(), mean))).toEqual([]);
    expect(shiftsIn(norm(convolved, mean).add(convolved))).toEqual([]);
  });
});
