import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { randomParameters } from "../../test/architectures/index.ts";
import { outputChange } from "../../test/output-change.ts";
import { referenceEngine } from "../engine/index.ts";
import { concat, constant, type Value } from "../graph/index.ts";
import { defineNetwork, linear, type Network, type Scope } from "../nets/index.ts";
import { importModel } from "../onnx/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { act } from "./act.ts";
import { discoverGraph, discoverSymmetry } from "./discover.ts";
import { randomElement } from "./element.ts";
import type { Factor } from "./group.ts";
import { mix } from "./mix.ts";
import { randomMatrices } from "./random-matrices.ts";

const key = rngKey(32);
const rounding = 1e-10;
const visible = 1e-3;

const [frames, heads, pairs] = [4, 2, 3];
const width = 2 * pairs;

/** Attention scores of sequences [frames, 5] with some way to encode positions. */
function scores(position: (x: Value, scope: Scope) => Value): Network {
  const drawn = { kind: "normal", deviation: 1 } as const;
  return defineNetwork({
    description: { net: "scores" },
    inputShape: [frames, 5],
    inputKind: "real",
    outputs: frames,
    forward: (x, scope) => {
      const project = (name: string) => {
        const flat = x.matmul(scope.weight(`${name}.weight`, [5, heads * width], drawn));
        return position(flat.reshape([x.shape[0] as number, frames, heads, width]), scope).transpose([0, 2, 1, 3]);
      };
      return project("q")
        .matmul(project("k").transpose([0, 1, 3, 2]))
        .softmax()
        .sum(1);
    },
  });
}

function table(f: (angle: number) => number, columns: (column: number) => number, { dtype }: Value): Value {
  const angles = Array.from({ length: frames * width }, (_, at) => {
    return Math.floor(at / width) * 10 ** -columns(at % width);
  });
  return constant(fromNumbers(dtype, angles.map(f), [frames, 1, width]));
}

function part(x: Value, axis: number, start: number, end: number, step = 1): Value {
  return x.slice(axis, start, end, step);
}

const inHalves = (column: number) => column % pairs;
const inPairs = (column: number) => Math.floor(column / 2);
const tables = (columns: (column: number) => number, x: Value) =>
  [table(Math.cos, columns, x), table(Math.sin, columns, x)] as const;
const pairTables = (x: Value) => tables(inHalves, x).map((each) => each.slice(2, 0, pairs)) as [Value, Value];

function rotateHalf(x: Value): Value {
  return concat([part(x, 3, pairs, width).neg(), part(x, 3, 0, pairs)], 3);
}

function neighbours(x: Value): readonly [Value, Value] {
  return [part(x, 3, 0, width, 2), part(x, 3, 1, width, 2)];
}

function stacked(a: Value, b: Value): Value {
  const split = [...a.shape, 1];
  return concat([a.reshape(split), b.reshape(split)], a.rank).reshape([...a.shape.slice(0, -1), width]);
}

const rotations: Readonly<Record<string, (x: Value) => Value>> = {
  "x C + rotate_half(x) S": (x) => {
    const [cos, sin] = tables(inHalves, x);
    return x.mul(cos).add(rotateHalf(x).mul(sin));
  },
  "halves, each times its tables": (x) => {
    const [cos, sin] = pairTables(x);
    const [a, b] = [part(x, 3, 0, pairs), part(x, 3, pairs, width)];
    return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], 3);
  },
  "a part of each head only": (x) => {
    const [a, b, rest] = [part(x, 3, 0, 2), part(x, 3, 2, 4), part(x, 3, 4, width)];
    const [cos, sin] = pairTables(x).map((each) => each.slice(2, 0, 2)) as [Value, Value];
    return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin)), rest], 3);
  },
  "neighbours x C + rotate_every_two(x) S": (x) => {
    const [cos, sin] = tables(inPairs, x);
    const [a, b] = neighbours(x);
    return x.mul(cos).add(stacked(b.neg(), a).mul(sin));
  },
  "neighbours, each times its tables": (x) => {
    const [cos, sin] = pairTables(x);
    const [a, b] = neighbours(x);
    return stacked(a.mul(cos).sub(b.mul(sin)), a.mul(sin).add(b.mul(cos)));
  },
  "neighbours cut from pairs": (x) => {
    const [cos, sin] = pairTables(x);
    const pairsOf = x.reshape([...x.shape.slice(0, -1), pairs, 2]);
    const [a, b] = [0, 1].map((i) => pairsOf.slice(4, i, i + 1).reshape([...x.shape.slice(0, -1), pairs]));
    const [left, right] = [a, b] as [Value, Value];
    return stacked(left.mul(cos).sub(right.mul(sin)), left.mul(sin).add(right.mul(cos)));
  },
};

describe.each(Object.entries(rotations))("rotary positions as %s", (_, position) => {
  const net = scores(position);
  const group = discoverSymmetry(net);
  const index = group.factors.findIndex(({ matrix }) => matrix === "rotary");

  it("leave a complex factor for each plane of each head", async () => {
    const { size, copies } = group.factors[index] as Factor;
    expect(size * copies).toBe(heads * (position === rotations["a part of each head only"] ? 2 : pairs));
    const parameters = randomParameters(net, key);
    const matrices = randomMatrices(group, index, key);
    expect(await outputChange(net, key, [parameters, mix(group, index, matrices, parameters)])).toBeLessThan(rounding);
    const conjugate = matrices.map((x, at) => (at % 2 === 0 ? x : -x));
    const onlyKeys = { "k.weight": mix(group, index, conjugate, parameters)["k.weight"] as Tensor };
    expect(await outputChange(net, key, [parameters, { ...parameters, ...onlyKeys }])).toBeGreaterThan(visible);
  });
});

const notRotations: Readonly<Record<string, (x: Value, scope: Scope) => Value>> = {
  "a reflection instead of a rotation": (x) => {
    const [cos, sin] = tables(inHalves, x);
    const swapped = concat([part(x, 3, pairs, width), part(x, 3, 0, pairs)], 3);
    return x.mul(cos).add(swapped.mul(sin));
  },
  "tables that differ between the halves": (x) => {
    const [cos, sin] = tables((column) => column, x);
    return x.mul(cos).add(rotateHalf(x).mul(sin));
  },
  "a sine of its own for each part": (x) => {
    const [cos, sin] = pairTables(x);
    const [a, b] = [part(x, 3, 0, pairs), part(x, 3, pairs, width)];
    return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin.mul(2)))], 3);
  },
  "one half used once more": (x) => {
    const [cos, sin] = tables(inHalves, x);
    const turned = x.mul(cos).add(rotateHalf(x).mul(sin));
    return concat([turned, part(x, 3, 0, pairs)], 3);
  },
  "neighbours of which one is mirrored": (x) => {
    const [cos, sin] = tables(inPairs, x);
    const mirror = constant(fromNumbers(x.dtype, [1, -1, 1, -1, 1, -1]));
    const [a, b] = neighbours(x);
    return x.mul(cos).add(stacked(b.neg(), a).mul(sin)).mul(mirror).add(x);
  },
};

describe.each(Object.entries(notRotations))("what is not rotary: %s", (_, position) => {
  it("has no complex factors", () => {
    expect(discoverSymmetry(scores(position)).factors.map(({ matrix }) => matrix)).not.toContain("rotary");
  });
});

const folder = new URL("../../test/golden/onnx/architectures/", import.meta.url);

interface Listed {
  readonly shape: number[];
  readonly data: number[];
}

describe("Llama as Hugging Face exports it", () => {
  it("has a complex factor for each plane of its one head of keys, in each layer", async () => {
    const bytes = new Uint8Array(readFileSync(new URL("llama-tracing-20.onnx", folder)));
    const { inputs, outputs, initializers, parameters } = importModel(bytes, "llama", { dimensions: { batch: 2 } });
    const { group } = discoverGraph(Object.values(outputs), parameters);
    // Weights as small as those of the file would leave the attention uniform whatever becomes of queries and keys.
    const large = parameters.map((name) => [name, normal(fold(key, name), initializers[name]?.shape ?? [])] as const);
    const weights: Readonly<Record<string, Tensor>> = { ...initializers, ...Object.fromEntries(large) };
    const rotary = [...group.factors.keys()].filter((index) => group.factors[index]?.matrix === "rotary");
    expect(rotary.map((index) => group.factors[index]?.size)).toEqual([2, 2]);
    const cases = JSON.parse(readFileSync(new URL("cases.json", folder), "utf8"));
    const feeds = inputs.map(({ dtype, attributes: { name } }) => {
      const { shape, data } = cases.llama.inputs[name] as Listed;
      return [name, fromNumbers(dtype, data, shape)] as const;
    });
    await using program = await referenceEngine().compile(outputs);
    const numbers = async (parameters: Readonly<Record<string, Tensor>>) => {
      const [output] = Object.values(await program.run({ ...parameters, ...Object.fromEntries(feeds) }));
      return toNumbers(output as Tensor);
    };
    let mixed: Readonly<Record<string, Tensor>> = weights;
    for (const index of rotary) mixed = mix(group, index, randomMatrices(group, index, key), mixed);
    const [before, after] = [await numbers(weights), await numbers(mixed)];
    expect(largestChange(before, after)).toBeLessThan(singleRounding);
    const onlyQueries = { ...weights, "onnx::MatMul_708": mixed["onnx::MatMul_708"] as Tensor };
    expect(largestChange(before, await numbers(onlyQueries))).toBeGreaterThan(0.1);
  });
});

/** The graph of the file computes in float32. */
const singleRounding = 1e-4;

function largestChange(a: Float64Array, b: Float64Array): number {
  return Math.max(...a.map((y, i) => Math.abs(y - (b[i] as number)))) / Math.max(...a.map(Math.abs));
}

describe("every other unit", () => {
  it("may go another way", async () => {
    const net = defineNetwork({
      description: { net: "alternating" },
      inputShape: [5],
      inputKind: "real",
      outputs: 3,
      forward: (x, scope) => {
        const hidden = linear(scope.within("a"), x, { outputs: 6 });
        const [even, odd] = [hidden.slice(1, 0, 6, 2).relu(), hidden.slice(1, 1, 6, 2).tanh()];
        return linear(scope.within("even"), even, { outputs: 3 }).add(linear(scope.within("odd"), odd, { outputs: 3 }));
      },
    });
    const group = discoverSymmetry(net);
    const parameters = randomParameters(net, key);
    const moved = act(group, randomElement(group, key), parameters);
    expect(moved).not.toEqual(parameters);
    expect(await outputChange(net, key, [parameters, moved])).toBeLessThan(rounding);
  });
});
