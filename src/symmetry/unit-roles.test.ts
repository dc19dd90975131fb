import { describe, expect, it } from "vitest";
import { small } from "../../test/symmetry/probe.ts";
import { apply, concat, conv, maxPool } from "../graph/index.ts";
import { gpt2, lenet, mlp, type Network, resnet18, vgg11 } from "../nets/index.ts";
import { discoverNetwork, type UnitRoles, unitRoles } from "./index.ts";

function rolesOf(network: Network, name: string): UnitRoles {
  const discovery = discoverNetwork(network);
  return unitRoles(
    discovery,
    discovery.group.factors.findIndex((factor) => factor.name === name),
  );
}

function sites(network: Network, name: string) {
  const text = ({ tensor, axis, before, after }: UnitRoles["incoming"][number]) =>
    `${tensor}:${axis}${before * after > 1 ? ` ${before}x${after}` : ""}`;
  const { incoming, outgoing } = rolesOf(network, name);
  return { incoming: incoming.map(text).sort(), outgoing: outgoing.map(text).sort() };
}

describe("unitRoles", () => {
  it("tells what makes a unit from what reads it", () => {
    expect(sites(mlp({ input: 5, widths: [3, 4], outputs: 2 }), "layers.1")).toEqual({
      incoming: ["layers.1.bias:0", "layers.1.weight:0"],
      outgoing: ["layers.2.weight:1"],
    });
    expect(sites(vgg11({ input: [3, 32, 32], width: 1, batchNorm: true }), "features.4")).toEqual({
      incoming: ["4.bias", "4.weight", "5.bias", "5.running_mean", "5.running_var", "5.weight"].map(
        (name) => `features.${name}:0`,
      ),
      outgoing: ["features.8.weight:1"],
    });
  });

  it("finds the channels of a convolution in the columns of the dense layer behind it", () => {
    const { incoming, outgoing } = sites(lenet({ input: [1, 28, 28] }), "conv2");
    expect({ incoming, outgoing }).toEqual({
      incoming: ["conv2.bias:0", "conv2.weight:0"],
      outgoing: ["fc1.weight:1 1x16"],
    });
  });

  it("reads a product of two projections as one unit", () => {
    const gated = small([3], 2, (x, weight) =>
      x
        .matmul(weight("gate", [3, 5]))
        .silu()
        .mul(x.matmul(weight("up", [3, 5])))
        .matmul(weight("down", [5, 2])),
    );
    expect(sites(gated, "gate")).toEqual({ incoming: ["gate:1", "up:1"], outgoing: ["down:0"] });
    expect(rolesOf(gated, "gate").affine).toBeNull();
  });

  it("knows the biases behind the units, and whether zeros come in between", () => {
    const net = lenet({ input: [1, 28, 28] });
    expect(rolesOf(net, "conv1").readers).toMatchObject([{ bias: { tensor: "conv2.bias", axis: 0 }, isPadded: false }]);
    expect(rolesOf(mlp({ input: 2, widths: [3], outputs: 1, bias: false }), "layers.0")).toMatchObject({
      readers: [{ bias: null }],
      affine: { weight: "layers.0.weight", bias: null },
    });
    const padded = vgg11({ input: [3, 32, 32], width: 2 });
    expect(rolesOf(padded, "features.0").readers).toMatchObject([{ isPadded: true }]);
  });

  it("refuses a residual stream, which several layers write", () => {
    const net = resnet18({ input: [3, 16, 16], width: 2 });
    expect(() => rolesOf(net, "conv1")).toThrow(
      'layer "conv1": expected units of one layer, got a residual stream, to which several layers write; choose another layer',
    );
    expect(sites(net, "layer1.0.conv1").outgoing).toEqual(["layer1.0.conv2.weight:1"]);
  });

  it("refuses units that a norm mixes, heads, and weights that are used twice", () => {
    const transformer = gpt2({ context: 4, vocabulary: 7, width: 8, depth: 1, heads: 2 });
    expect(() => rolesOf(transformer, "wte")).toThrow("that LayerNormalization mixes");
    expect(() => rolesOf(transformer, "h.0.attn.c_attn#2")).toThrow("expected single units, got blocks of 2 copies");
    expect(sites(transformer, "h.0.mlp.c_fc").outgoing).toEqual(["h.0.mlp.c_proj.weight:0"]);
    const recurrent = small([3], 2, (x, weight) => {
      const again = weight("again", [4, 4]);
      const step = x.matmul(weight("in", [3, 4])).tanh();
      return step
        .matmul(again)
        .tanh()
        .matmul(again)
        .matmul(weight("out", [4, 2]));
    });
    expect(() => rolesOf(recurrent, "in")).toThrow("that again both makes and reads");
  });

  it("refuses sums over units, joined layers and grouped convolutions", () => {
    const summed = small([3], 1, (x, weight) =>
      x
        .matmul(weight("in", [3, 4]))
        .tanh()
        .sum(1, { keepDims: true }),
    );
    expect(() => rolesOf(summed, "in")).toThrow("expected units that a layer reads, got ones that none reads");
    const joined = small([3], 2, (x, weight) =>
      concat([x.matmul(weight("a", [3, 4])), x.matmul(weight("b", [3, 4]))], 1)
        .tanh()
        .matmul(weight("out", [8, 2])),
    );
    expect(() => rolesOf(joined, "a")).toThrow(/along the whole of an axis|do not see each other/);
    const grouped = small([2, 4, 4], 2, (x, weight) =>
      apply("Conv", [maxPool(conv(x, weight("in", [4, 2, 1, 1])), 2), weight("depth", [4, 1, 1, 1])], {
        strides: [1, 1],
        pads: [0, 0, 0, 0],
        dilations: [1, 1],
        group: 4,
      })
        .mean([2, 3])
        .matmul(weight("out", [4, 2])),
    );
    expect(() => rolesOf(grouped, "in")).toThrow("a grouped convolution");
  });
});
