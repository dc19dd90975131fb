import { describe, expect, it } from "vitest";
import { architectures } from "../../test/architectures/index.ts";
import { largestDifference, probe, relativeDifference, small } from "../../test/symmetry/probe.ts";
import { constant } from "../graph/index.ts";
import { mlp, type Network } from "../nets/index.ts";
import {
  type DType,
  dtypes,
  elementCount,
  fold,
  fromNumbers,
  rngKey,
  type Tensor,
  tensor,
  toNumbers,
} from "../tensor/index.ts";
import { act, compose, discoverSymmetry, type GroupElement, identity, inverse, randomElement } from "./index.ts";

const key = rngKey(31);
/** Rounding of float64 through the deepest of the networks. */
const tolerance = 1e-10;
/** One product more or less in float64. */
const rounding = 1e-14;

/** Every scale rounded to a power of two, so that scaling is exact. */
function exact(element: GroupElement): GroupElement {
  return {
    ...element,
    scales: element.scales.map((scale) => scale.map((s) => Math.sign(s) * 2 ** Math.round(Math.log2(Math.abs(s))))),
  };
}

describe.each(architectures.map(({ name, network }) => [name, network] as const))("%s", (_, network) => {
  const group = discoverSymmetry(network);
  const [a, b] = ["a", "b"].map((name) => randomElement(group, fold(key, name), { spread: 4 })) as [
    GroupElement,
    GroupElement,
  ];

  it("computes the same under every element", async () => {
    const { parameters, outputOf } = await probe(network, key);
    const output = await outputOf(parameters);
    const before = structuredClone(parameters);
    for (const element of [a, b, compose(group, b, a), inverse(group, a)]) {
      expect(relativeDifference(output, await outputOf(act(group, element, parameters)))).toBeLessThan(tolerance);
    }
    expect(parameters).toEqual(before);
  });

  it("is an action", async () => {
    const { parameters } = await probe(network, key);
    const still = act(group, identity(group), parameters);
    for (const [name, value] of Object.entries(parameters)) expect(still[name]).toBe(value);
    const once = act(group, compose(group, b, a), parameters);
    const twice = act(group, b, act(group, a, parameters));
    expect(largestDifference(twice, once)).toBeLessThan(rounding);
    const permuted = withoutOffsets(network, group);
    const element = exact(a);
    const back = act(permuted, inverse(group, element), act(permuted, element, parameters));
    expect(back).toEqual(parameters);
  });
});

/** Adding an epsilon and taking it away rounds; without it the action of powers of two is exact. */
function withoutOffsets(_: Network, group: ReturnType<typeof discoverSymmetry>) {
  const layouts = Object.entries(group.layouts).map(([name, layout]) => [name, { ...layout, offset: 0 }] as const);
  return { ...group, layouts: Object.fromEntries(layouts) };
}

describe("act", () => {
  it("flips zeros, and back, bit by bit", () => {
    const network = mlp({ input: [2], widths: [4], outputs: 1, activation: "tanh" });
    const group = discoverSymmetry(network);
    const zeros = network.parameters.map(({ name, shape }) => [
      name,
      fromNumbers(
        "float32",
        Array.from({ length: elementCount(shape) }, (_, i) => (i % 2 === 0 ? 0 : -0)),
        shape,
      ),
    ]);
    const parameters = Object.fromEntries(zeros) as Readonly<Record<string, Tensor>>;
    const element = { ...identity(group), scales: identity(group).scales.map((scale) => scale.map(() => -1)) };
    const flipped = act(group, element, parameters);
    expect(Object.is(flipped["layers.0.bias"]?.data[0], -0)).toBe(true);
    expect(act(group, inverse(group, element), flipped)).toEqual(parameters);
  });

  const network = small([3], 2, (x, weight) =>
    x
      .matmul(weight("in", [3, 4]))
      .add(weight("bias", [4]))
      .tanh()
      .matmul(weight("out", [4, 2])),
  );
  const group = discoverSymmetry(network);
  const element: GroupElement = {
    permutations: [Int32Array.of(2, 0, 3, 1)],
    scales: [Float64Array.of(1, -1, 1, 1)],
  };
  const moved = { ...element, scales: [new Float64Array(4).fill(1)] };

  it("brings unit permutation[i] to place i", () => {
    const bias = act(group, moved, { bias: fromNumbers("float64", [10, 11, 12, 13], [4]) }).bias as Tensor;
    expect([...bias.data]).toEqual([12, 10, 13, 11]);
    const flipped = act(group, element, { bias: fromNumbers("float64", [10, 11, 12, 13], [4]) }).bias as Tensor;
    expect([...flipped.data]).toEqual([12, -10, 13, 11]);
  });

  it.each(dtypes.filter((dtype) => dtype !== "bool"))("permutes %s bit by bit", (dtype: DType) => {
    const before = fromNumbers(dtype, [10, 11, 12, 13], [4]);
    const after = act(group, moved, { bias: before }).bias as Tensor;
    expect(after.dtype).toBe(dtype);
    expect([...toNumbers(after)]).toEqual([12, 10, 13, 11]);
  });

  it("keeps bits that are no numbers", () => {
    const bits = Uint16Array.of(0x7e01, 0xfe02, 0x7c00, 0x8000);
    const after = act(group, moved, { bias: tensor("float16", [4], bits) }).bias as Tensor;
    expect([...after.data]).toEqual([0x7c00, 0x7e01, 0x8000, 0xfe02]);
  });

  it.each(["float16", "bfloat16", "float32"] as const)("scales %s", (dtype) => {
    const after = act(group, element, { bias: fromNumbers(dtype, [1, 2, 4, 8], [4]) }).bias as Tensor;
    expect(after.dtype).toBe(dtype);
    expect([...toNumbers(after)]).toEqual([4, -1, 8, 2]);
  });

  it("leaves tensors alone that it does not know", () => {
    const stranger = fromNumbers("int8", [1, 2], [2]);
    const moved = act(group, element, { stranger, toString: stranger });
    expect(moved.stranger).toBe(stranger);
    expect(moved.toString).toBe(stranger);
  });

  it("takes scalars and empty tensors", async () => {
    const odd = small([3], 2, (x, weight) => {
      const hidden = x
        .matmul(weight("in", [3, 4]))
        .relu()
        .mul(weight("gain", []));
      return hidden.matmul(weight("out", [4, 2])).add(weight("none", [0, 2]).sum(0));
    });
    const group = discoverSymmetry(odd);
    const { parameters, outputOf } = await probe(odd, key);
    const after = act(group, randomElement(group, key), parameters);
    expect(relativeDifference(await outputOf(parameters), await outputOf(after))).toBeLessThan(tolerance);
    expect(after.none).toEqual(parameters.none);
    expect(group.factors.map(({ size }) => size)).toEqual([4]);
  });

  it("moves units inside a block that comes first in memory", async () => {
    const tiled = small([3], 2, (x, weight) => {
      const hidden = x.matmul(weight("in", [3, 4])).relu();
      const n = x.shape[0] as number;
      return hidden
        .reshape([n, 1, 4])
        .expand([n, 2, 4])
        .reshape([n, 8])
        .matmul(weight("out", [8, 2]));
    });
    await expectInvariance(tiled);
    expect(discoverSymmetry(tiled).factors.map(({ size, copies }) => [size, copies])).toEqual([
      [4, 1],
      [2, 4],
    ]);
  });

  it("moves units of two axes of which each is inside the other", async () => {
    const crossed = small([2], 2, (x, weight) => {
      const blocks = (name: string) => weight(name, [6, 8]).reshape([3, 2, 4, 2]);
      const product = blocks("p").mul(blocks("q")).sum([0, 3]).tanh();
      return x
        .matmul(weight("in", [2, 2]))
        .tanh()
        .matmul(product)
        .matmul(weight("out", [4, 2]));
    });
    await expectInvariance(crossed);
  });

  it("does not scale what a strided slice takes apart from what it leaves", async () => {
    await expectInvariance(
      small([3], 2, (x, weight) => {
        const hidden = x.matmul(weight("in", [3, 6])).relu();
        const [even, odd] = [hidden.slice(1, 0, 6, 2), hidden.slice(1, 1, 6, 2)];
        return even.matmul(weight("even", [3, 2])).add(odd.matmul(weight("odd", [3, 2])));
      }),
    );
  });

  it("keeps units apart that meet different constants", async () => {
    const network = small([3], 2, (x, weight) => {
      const offset = constant(fromNumbers(x.dtype, [0, 0, 1, 1], [4]));
      return x
        .matmul(weight("in", [3, 4]))
        .add(offset)
        .relu()
        .matmul(weight("out", [4, 2]));
    });
    expect(discoverSymmetry(network).factors).toEqual([]);
  });
});

async function expectInvariance(network: Network): Promise<void> {
  const group = discoverSymmetry(network);
  const { parameters, outputOf } = await probe(network, key);
  const output = await outputOf(parameters);
  for (const name of ["a", "b", "c"]) {
    const element = randomElement(group, fold(key, name));
    const after = act(group, element, parameters);
    expect(relativeDifference(output, await outputOf(after))).toBeLessThan(tolerance);
    expect(largestDifference(act(group, inverse(group, element), after), parameters)).toBeLessThan(rounding);
  }
}
