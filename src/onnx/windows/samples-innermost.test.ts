import { afterAll, describe, expect, test } from "vitest";
import { referenceEngine } from "../../engine/index.ts";
import { apply, conv, grad, input, maxPool, topologicalOrder, type Value } from "../../graph/index.ts";
import { nativeEngine } from "../../node/index.ts";
import { elementCount, fold, normal, rngKey, type Shape, type Tensor, toNumbers } from "../../tensor/index.ts";
import { lower } from "../index.ts";

const cpu = await nativeEngine({ threads: 1 });
afterAll(() => cpu[Symbol.asyncDispose]());

/** Float32 rounding of sums of some hundred products, relative to the largest element. */
const tolerance = 4e-6;

interface Case {
  readonly batch?: number;
  readonly channels?: number;
  readonly filters?: number;
  readonly size?: readonly [number, number];
  readonly kernel?: number;
  readonly pads?: number;
  readonly strides?: number;
  readonly dilations?: number;
  readonly group?: number;
  readonly pool?: readonly [number, number];
}

function layer(given: Case): { readonly output: Value; readonly wrt: readonly Value[] } {
  const { batch = 32, channels = 3, filters = 4, size = [8, 8], kernel = 3, group = 1, pool } = given;
  const x = input("x", "float32", [batch, channels, ...size]);
  const w = input("w", "float32", [filters, channels / group, kernel, kernel]);
  const bias = input("bias", "float32", [filters]);
  const { pads = 0, strides = 1, dilations = 1 } = given;
  const y = conv(x, w, { bias, group, pads, strides, dilations }).relu();
  return { output: pool ? maxPool(y, pool) : y, wrt: [x, w, bias] };
}

/** The value, its gradients, and gradients of those. */
function derivatives({ output, wrt }: ReturnType<typeof layer>): Record<string, Value> {
  const first = grad(output.square().sum(), wrt);
  const steepness = first.map((g) => g.square().sum()).reduce((sum, each) => sum.add(each));
  const named = (name: string, values: readonly Value[]) => values.map((value, i) => [`${name}${i}`, value]);
  return { output, ...Object.fromEntries([...named("first", first), ...named("second", grad(steepness, wrt))]) };
}

async function disagreement(outputs: Record<string, Value>, feeds: Record<string, Tensor>): Promise<number> {
  await using ours = await cpu.compile(outputs);
  await using reference = await referenceEngine().compile(outputs);
  const [got, expected] = [await ours.run(feeds), await reference.run(feeds)];
  return Math.max(...Object.keys(outputs).map((key) => relativeError(got[key] as Tensor, expected[key] as Tensor)));
}

function relativeError(got: Tensor, expected: Tensor): number {
  const [a, b] = [toNumbers(got), toNumbers(expected)];
  const largest = b.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
  return a.reduce((most, x, i) => Math.max(most, Math.abs(x - (b[i] as number))), 0) / largest;
}

function draw(wrt: readonly Value[]): Record<string, Tensor> {
  const inputs = wrt as readonly Value<"Input">[];
  return Object.fromEntries(
    inputs.map(({ attributes: { name, shape } }) => [name, normal(fold(rngKey(1), name), shape)]),
  );
}

const kernels: readonly Case[] = [1, 3, 5].flatMap((kernel) =>
  [0, 1, 2].flatMap((pads) => [1, 2].map((strides) => ({ kernel, pads, strides, size: [7, 6] as const }))),
);
const transformed: readonly Case[] = [
  { channels: 16, size: [6, 6] },
  { channels: 16, pads: 1, size: [4, 8] },
  { channels: 16, pads: 1, size: [8, 3], filters: 5 },
  { channels: 16, pads: 1, size: [8, 4], filters: 64 },
  { channels: 16, kernel: 4, size: [7, 5] },
  { channels: 16, kernel: 5, pads: 2, size: [8, 5], pool: [2, 1] },
  { channels: 17, kernel: 5, size: [8, 8], pool: [2, 2], filters: 7 },
  { channels: 16, kernel: 5, size: [8, 8], pool: [4, 4] },
];
const others: readonly Case[] = [
  { batch: 1 },
  { batch: 3, pool: [2, 2] },
  { batch: 33, pool: [2, 2], size: [6, 10] },
  { batch: 128, size: [4, 4], pads: 1 },
  { pool: [2, 3], size: [8, 8] },
  { pool: [1, 2], size: [4, 8] },
  { pool: [6, 6] },
  { pool: [2, 2], size: [7, 8] },
  { channels: 4, group: 2, pads: 1 },
  { channels: 1, filters: 1, size: [5, 4] },
  { dilations: 2, pads: 1 },
  { channels: 3, strides: 3, kernel: 2 },
];

describe("a convolution of a batch, its gradients and theirs", () => {
  test.each([...kernels, ...transformed, ...others].map((each) => [JSON.stringify(each), each] as const))(
    "%s",
    async (_, each) => {
      const net = layer(each);
      expect(await disagreement(derivatives(net), draw(net.wrt))).toBeLessThan(tolerance);
    },
  );
});

test("two layers, flattened into a product", async () => {
  const first = layer({ size: [16, 16], filters: 16, pads: 1, pool: [2, 2] });
  const [w, v] = [input("w2", "float32", [5, 16, 3, 3]), input("v", "float32", [5 * 16, 3])];
  const output = maxPool(conv(first.output.mul(0.03), w, { pads: 1 }).sigmoid(), 2)
    .flatten()
    .matmul(v);
  const wrt = [...first.wrt, w, v];
  const outputs = { output, ...Object.fromEntries(grad(output.square().sum(), wrt).map((g, i) => [`first${i}`, g])) };
  expect(await disagreement(outputs, draw(wrt))).toBeLessThan(tolerance);
});

test("batch norms, residuals and means", async () => {
  const shape: Shape = [32, 16, 8, 8];
  const x = input("x", "float32", shape);
  const [w, scale, bias] = [
    input("w", "float32", [16, 16, 3, 3]),
    ...["scale", "bias"].map((n) => input(n, "float32", [16])),
  ];
  const y = conv(x, w as Value, { pads: 1 });
  const [mean, variance] = [y.mean([0, 2, 3]), y.square().mean([0, 2, 3])];
  const norm = apply("BatchNormalization", [y, scale, bias, mean, variance] as Value[], { epsilon: 1e-5 });
  const output = norm.add(x).relu().mean([2, 3]);
  const wrt = [x, w, scale, bias] as Value[];
  const outputs = { output, ...Object.fromEntries(grad(output.square().sum(), wrt).map((g, i) => [`first${i}`, g])) };
  expect(await disagreement(outputs, draw(wrt))).toBeLessThan(tolerance);
});

test("images pooled to one element, and their mean", async () => {
  const net = layer({ pool: [6, 6] });
  const output = net.output.mean([2, 3]);
  expect(await disagreement(derivatives({ ...net, output }), draw(net.wrt))).toBeLessThan(tolerance);
});

test("equal elements: the gradient of a pool goes to the first", async () => {
  const net = layer({ size: [10, 10], filters: 8, pool: [2, 2] });
  const feeds = Object.fromEntries(
    Object.entries(draw(net.wrt)).map(([name, { data, ...rest }]) => [
      name,
      { ...rest, data: Float32Array.from(data as Float32Array, Math.round) } as Tensor,
    ]),
  );
  expect(await disagreement(derivatives(net), feeds)).toBe(0);
});

describe("the forms", () => {
  const movesImages = ({ op, shape }: Value) => op === "Transpose" && elementCount(shape) >= 32 * 3 * 10 * 10;

  test("of a layer and its gradients move the images once", () => {
    const { output, wrt } = layer({ size: [10, 10], pool: [2, 2] });
    const lowered = lower([output.flatten().square().sum(), ...grad(output.square().sum(), wrt.slice(1))], {
      runtime: true,
    });
    expect(topologicalOrder(lowered).filter(movesImages)).toHaveLength(1);
  });

  test.each([
    ["standard", layer({}), {}],
    ["small batches", layer({ batch: 31 }), { runtime: true }],
    ["groups", layer({ channels: 4, group: 2 }), { runtime: true }],
  ])("of %s graphs keep Conv", (_, { output }, options) => {
    expect(topologicalOrder(lower([output], options)).some(({ op }) => op === "Conv")).toBe(true);
  });
});
