import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { type Architecture, architectures, randomParameters } from "../../test/architectures/index.ts";
import { networkFrom } from "../nets/index.ts";
import { rngKey } from "../tensor/index.ts";
import { act } from "./act.ts";
import { discoverSymmetry } from "./discover.ts";
import { type GroupElement, identity } from "./element.ts";
import type { Factor, SymmetryGroup } from "./group.ts";
import { matrixDimension } from "./mix.ts";
import { groupOrder, orderValue } from "./order.ts";

const golden = JSON.parse(
  readFileSync(new URL("../../test/golden/counting/group-orders.json", import.meta.url), "utf8"),
) as { readonly values: readonly { readonly network: string; readonly log10: number }[] };

/** Published to six decimals. */
const decimals = 6;

const dense = (activation: string, widths = [512, 512]) =>
  networkFrom({ net: "mlp", input: 784, widths, outputs: 10, activation });

function find(name: string): SymmetryGroup {
  return discoverSymmetry((architectures.find((each) => each.name === name) as Architecture).network);
}

describe("published orders", () => {
  const networks = {
    "mlp 784-512-512-10": dense("relu"),
    "mlp 784-100-10": dense("relu", [100]),
    "lenet-300-100": dense("relu", [300, 100]),
    "vgg16 imagenet": networkFrom({ net: "vgg16", input: [3, 224, 224], outputs: 1000 }),
    "resnet18, residual ties": networkFrom({ net: "resnet18", input: [3, 224, 224], outputs: 1000 }),
  } as const;

  it.each(golden.values)("$network", ({ network, log10 }) => {
    const order = groupOrder(discoverSymmetry(networks[network as keyof typeof networks]));
    expect(order.permutations.log10).toBeCloseTo(log10, decimals);
    expect(order.permutations.digits).toBe(Math.floor(log10) + 1);
  });

  it("has signs where the activation is odd and scales where it is homogeneous", () => {
    const [relu, tanh] = ["relu", "tanh"].map((activation) => groupOrder(discoverSymmetry(dense(activation))));
    expect(relu?.discrete.log10).toBeCloseTo(2333.082482, decimals);
    expect(relu?.continuousDimension).toBe(1024);
    expect(tanh?.discrete.log10).toBeCloseTo(2641.337197, decimals);
    expect(tanh?.continuousDimension).toBe(0);
    expect(groupOrder(discoverSymmetry(dense("tanh", [300, 100]))).discrete.log10).toBeCloseTo(892.867805, decimals);
  });
});

describe("brute force", () => {
  const tiny = [
    dense("tanh", [3]),
    networkFrom({ net: "mlp", input: 2, widths: [3, 2], outputs: 2, activation: "tanh" }),
    networkFrom({ net: "mlp", input: 2, widths: [4, 3], outputs: 2, activation: "relu" }),
    (architectures.find(({ name }) => name === "mlp-group-norm") as Architecture).network,
  ];

  it.each(tiny.map((network) => [network.description.net, network] as const))("%s", (_, network) => {
    const group = discoverSymmetry(network);
    const parameters = randomParameters(network, rngKey(3));
    const images = new Set<string>();
    for (const element of discreteElements(group)) {
      const moved = act(group, element, parameters);
      images.add(
        Object.keys(moved)
          .map((name) => String(moved[name]?.data))
          .join(),
      );
    }
    expect(orderValue(group)).toBe(BigInt(images.size));
    expect(groupOrder(group).discrete.digits).toBe(String(images.size).length);
  });
});

/** Every choice of one permutation per factor and copy, and of one sign per generator and unit. */
function* discreteElements(group: SymmetryGroup): Generator<GroupElement> {
  const start = identity(group);
  const permutations = group.factors.map(({ size, copies, permutes }) =>
    words(permutes ? orders(size) : [orders(size)[0] as number[]], copies).map((word) => Int32Array.from(word.flat())),
  );
  const scales = group.generators.map(({ kind }, i) =>
    kind === "sign"
      ? words([1, -1], start.scales[i]?.length as number).map((word) => Float64Array.from(word))
      : [start.scales[i] as Float64Array],
  );
  for (const chosen of choices(permutations))
    for (const signs of choices(scales)) yield { permutations: chosen, scales: signs };
}

function orders(size: number): number[][] {
  if (size === 0) return [[]];
  return orders(size - 1).flatMap((order) => Array.from({ length: size }, (_, at) => order.toSpliced(at, 0, size - 1)));
}

function words<T>(letters: readonly T[], length: number): T[][] {
  return choices(Array.from({ length }, () => letters));
}

function choices<T>(lists: readonly (readonly T[])[]): T[][] {
  return lists.reduce<T[][]>((all, list) => all.flatMap((word) => list.map((letter) => [...word, letter])), [[]]);
}

describe("groups of matrices", () => {
  const factor: Factor = {
    name: "units",
    size: 3,
    copies: 2,
    within: [{ size: 2, factor: null, within: [] }],
    permutes: true,
    matrix: null,
    gains: [],
    sites: [],
  };
  const signed = (parts: Partial<Factor>, signs = 1): SymmetryGroup => ({
    factors: [{ ...factor, ...parts }],
    generators: Array.from({ length: signs }, () => ({ kind: "sign", factor: 0, name: "units" }) as const),
    layouts: {},
    pinned: [],
    unknownOperators: [],
  });

  it.each([
    ["general-linear", 2n ** 2n, 18],
    ["orthogonal", 2n ** 2n, 6],
    ["orthogonal-mean", 4n ** 2n * 2n ** 6n, 2],
    ["rotary", 6n ** 2n, 12],
  ] as const)("counts the components of %s, copy by copy", (matrix, components, dimension) => {
    const group = signed({ matrix });
    expect(orderValue(group)).toBe(components);
    expect(groupOrder(group).continuousDimension).toBe(dimension);
    expect(groupOrder(group).permutations.log10).toBeCloseTo(2 * Math.log10(6), decimals);
  });

  it("counts orthogonal matrices that keep the mean as those of one dimension less, and their negatives", () => {
    for (const size of [1, 2, 3, 7]) {
      const part = { matrix: "orthogonal-mean", size, copies: 1 } as const;
      const below = { matrix: "orthogonal", size: size - 1, copies: 1 } as const;
      expect(orderValue(signed(part, 0))).toBe(size > 1 ? 4n : 2n);
      expect(matrixDimension({ ...factor, ...part })).toBe(matrixDimension({ ...factor, ...below }));
    }
  });

  it("counts a linear bottleneck as GL(n)", () => {
    const order = groupOrder(find("linear-bottleneck"));
    expect(order.factors.map(({ continuousDimension }) => continuousDimension)).toEqual([6, 4, 5]);
    expect(order.factors[1]?.log10Discrete).toBeCloseTo(Math.log10(2), decimals);
    expect(order.factors[1]?.log10Signs).toBeCloseTo(2 * Math.log10(2), decimals);
  });

  it("counts the gains of an orthogonal stream beside it", () => {
    const group = find("llama-mha");
    const [stream] = groupOrder(group).factors;
    const gains = group.factors[0]?.gains.length as number;
    expect(group.factors[0]?.matrix).toBe("orthogonal");
    expect(gains).toBe(5);
    expect(stream?.continuousDimension).toBe(gains * 8 + 28);
    expect(stream?.log10Discrete).toBeCloseTo((gains * 8 + 1) * Math.log10(2), decimals);
  });

  it("counts one element where nothing is free", () => {
    const group = { ...signed({}), factors: [], generators: [] };
    expect(groupOrder(group)).toMatchObject({ discrete: { log10: 0, digits: 1 }, continuousDimension: 0 });
    expect(orderValue(group)).toBe(1n);
  });
});
