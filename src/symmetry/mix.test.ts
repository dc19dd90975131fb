import { describe, expect, it } from "vitest";
import { type Architecture, architectures, randomParameters } from "../../test/architectures/index.ts";
import { outputChange } from "../../test/output-change.ts";
import type { Value } from "../graph/index.ts";
import { defineNetwork, linear, type Network, type Parameters, rmsNorm, type Scope } from "../nets/index.ts";
import { convert, fromNumbers, normal, rngKey, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { discoverSymmetry } from "./discover.ts";
import type { Block, Factor, MatrixGroup, SymmetryGroup } from "./group.ts";
import { absorbGains, matrixDimension, mix } from "./mix.ts";
import { randomMatrices } from "./random-matrices.ts";

const key = rngKey(31);

function change(network: Network, before: Parameters, after: Parameters): Promise<number> {
  return outputChange(network, key, [before, after]);
}

const rounding = 1e-10;
const visible = 1e-3;

function parametersOf(network: Network): Parameters {
  return randomParameters(network, key);
}

const found = architectures.flatMap(({ name, network }) => {
  const group = discoverSymmetry(network);
  return group.factors.flatMap((factor, index) =>
    factor.matrix ? [[name, factor.name, { network, group, factor, index }] as const] : [],
  );
});

describe.each(found)("%s: %s", (_, __, { network, group, factor, index }) => {
  const parameters = absorbGains(group, index, parametersOf(network));
  const matrices = randomMatrices(group, index, key);

  it("computes the same after random matrices", async () => {
    const mixed = mix(group, index, matrices, parameters);
    expect(mixed).not.toEqual(parameters);
    expect(await change(network, parameters, mixed)).toBeLessThan(rounding);
  });

  it("computes something else after others", async () => {
    const wider = withMatrix(group, index, factor.matrix === "orthogonal-mean" ? "orthogonal" : "general-linear");
    const wrong = factor.matrix?.startsWith("orthogonal")
      ? mix(group, index, randomMatrices(wider, index, key), parameters)
      : mix(readAsWritten(group), index, matrices, parameters);
    expect(await change(network, parameters, wrong)).toBeGreaterThan(visible);
  });

  it("is undone by the inverse matrices", () => {
    const back = mix(group, index, inverses(factor, matrices), mix(group, index, matrices, parameters));
    for (const [name, value] of Object.entries(parameters)) {
      const numbers = toNumbers(back[name] as Tensor);
      for (const [i, x] of toNumbers(value).entries()) expect(numbers[i]).toBeCloseTo(x, 10);
    }
  });
});

function withMatrix(group: SymmetryGroup, index: number, matrix: MatrixGroup): SymmetryGroup {
  return { ...group, factors: group.factors.map((factor, i) => (i === index ? { ...factor, matrix } : factor)) };
}

/** The group that would apply a matrix itself where its inverse transpose belongs. */
function readAsWritten(group: SymmetryGroup): SymmetryGroup {
  const positive = (block: Block): Block =>
    "sum" in block
      ? { ...block, sum: block.sum.map((part) => part.map(positive)) }
      : { ...block, powers: block.powers.map((power) => ({ ...power, exponent: Math.abs(power.exponent) })) };
  const layouts = Object.entries(group.layouts).map(
    ([name, layout]) => [name, { ...layout, axes: layout.axes.map((blocks) => blocks.map(positive)) }] as const,
  );
  return { ...group, layouts: Object.fromEntries(layouts) };
}

/** Cofactors over determinants for planes; transposes for orthogonal matrices; Newton's iteration for all others. */
function inverses({ matrix, size: n }: Factor, matrices: Float64Array): Float64Array {
  if (matrix === "rotary") {
    return matrices.map((x, at) => {
      const [a, b] = [matrices[at & ~1] as number, matrices[at | 1] as number];
      return (at % 2 === 0 ? x : -x) / (a * a + b * b);
    });
  }
  const transpose = matrices.map((_, at) => {
    const [copy, i, j] = [Math.floor(at / (n * n)), Math.floor(at / n) % n, at % n];
    return matrices[copy * n * n + j * n + i] as number;
  });
  if (matrix !== "general-linear") return transpose;
  let guess = transpose.map((x) => x / 4);
  for (let step = 0; step < 30; step++) {
    const residual = products(matrices, guess, n);
    const correction = products(guess, residual, n);
    guess = guess.map((x, at) => 2 * x - (correction[at] as number));
  }
  return guess;
}

function products(a: Float64Array, b: Float64Array, n: number): Float64Array {
  return a.map((_, at) => {
    const [start, i, j] = [Math.floor(at / (n * n)) * n * n, Math.floor(at / n) % n, at % n];
    return Array.from(
      { length: n },
      (_, k) => (a[start + i * n + k] as number) * (b[start + k * n + j] as number),
    ).reduce((sum, x) => sum + x);
  });
}

function network(name: string): Network {
  return (architectures.find((each) => each.name === name) as Architecture).network;
}

describe("what matrices act on", () => {
  it.each([
    ["linear-bottleneck", "general-linear", 4],
    ["unet-transposed", "general-linear", 9],
    ["vit", "orthogonal-mean", 21],
    ["vit", "general-linear", 4 * 2 * 16],
    ["gpt2", "general-linear", 4 * 2 * 16],
    ["gpt2", "orthogonal-mean", 0],
    ["llama-mha", "orthogonal", 28],
    ["llama-mha", "general-linear", 2 * 4 * 4],
    ["llama-gqa", "general-linear", 2 * 2 * 16],
    ["llama-gqa", "rotary", 2 * 2 * 2 * 2],
    ["llama-mha-tied", "orthogonal", 0],
    ["llama-gqa-tied", "orthogonal", 0],
    ["mlp-relu", "general-linear", 0],
  ] as const)("in %s: %s, %d dimensions", (name, matrix, dimension) => {
    const { factors } = discoverSymmetry(network(name));
    const own = factors.filter((factor) => factor.matrix === matrix);
    expect(own.reduce((sum, factor) => sum + matrixDimension(factor), 0)).toBe(dimension);
  });

  it("no free permutation of all rows of queries and keys is in the group", async () => {
    const vit = network("vit");
    const rows = 8;
    for (const { size, sites } of discoverSymmetry(vit).factors) {
      if (sites.some(({ tensor, axis }) => tensor.endsWith("query.weight") && axis === 0))
        expect(size).toBeLessThan(rows);
    }
    const parameters = parametersOf(vit);
    const swapped = Object.entries(parameters).map(([name, value]) => {
      const isMoved = /layer\.0\.attention\.attention\.(query|key)\./.test(name);
      return [name, isMoved ? withRowsSwapped(value, 3, 4) : value] as const;
    });
    expect(await change(vit, parameters, Object.fromEntries(swapped))).toBeGreaterThan(visible);
  });

  it("no matrix mixes planes of different frequency", async () => {
    const llama = network("llama-gqa");
    const group = discoverSymmetry(llama);
    const index = group.factors.findIndex(({ matrix }) => matrix === "rotary");
    const parameters = parametersOf(llama);
    const wider = withMatrix(group, index, "general-linear");
    const mixed = mix(wider, index, randomMatrices(wider, index, key), parameters);
    expect(await change(llama, parameters, mixed)).toBeGreaterThan(visible);
  });
});

function withRowsSwapped(value: Tensor, a: number, b: number): Tensor {
  const data = toNumbers(value).slice();
  const columns = data.length / (value.shape[0] as number);
  const [first, second] = [a, b].map((row) => data.slice(row * columns, (row + 1) * columns));
  data.set(second as Float64Array, a * columns);
  data.set(first as Float64Array, b * columns);
  return tensor("float64", value.shape, data);
}

const drawn = { kind: "normal", deviation: 1 } as const;

function real(inputs: number, forward: (x: Value, scope: Scope) => Value): Network {
  return defineNetwork({ description: { net: "here" }, inputShape: [inputs], inputKind: "real", outputs: 3, forward });
}

const others: Readonly<Record<string, readonly [Network, readonly MatrixGroup[]]>> = {
  "orthogonal between a matrix and its own transpose": [
    real(3, (x, scope) => {
      const weight = scope.weight("weight", [4, 3], drawn);
      return x.matmul(weight.transpose()).matmul(weight);
    }),
    ["orthogonal"],
  ],
  "nothing where a number is added to every unit": [
    real(5, (x, scope) =>
      linear(scope.within("b"), linear(scope.within("a"), x, { outputs: 4 }).add(1), { outputs: 3 }),
    ),
    [],
  ],
  "nothing where a norm reads the input": [
    real(5, (x, scope) => linear(scope.within("b"), rmsNorm(scope.within("a"), x, 1e-5), { outputs: 3 })),
    [],
  ],
  "matrices along each of two axes that units were folded into": [
    real(5, (x, scope) => {
      const batch = x.shape[0] as number;
      const hidden = linear(scope.within("a"), x, { outputs: 6 }).reshape([batch, 2, 3]).transpose([0, 2, 1]);
      return linear(scope.within("b"), hidden.reshape([batch, 6]), { outputs: 3 });
    }),
    ["general-linear", "general-linear"],
  ],
};

describe.each(Object.entries(others))("matrices act: %s", (_, [net, expected]) => {
  const group = discoverSymmetry(net);

  it("as discovered", async () => {
    expect(group.factors.flatMap(({ matrix }) => matrix ?? [])).toEqual(expected);
    const parameters = randomParameters(net, key);
    for (const [index, { matrix }] of group.factors.entries()) {
      if (!matrix) continue;
      const mixed = mix(group, index, randomMatrices(group, index, key), parameters);
      expect(mixed).not.toEqual(parameters);
      expect(await change(net, parameters, mixed)).toBeLessThan(rounding);
    }
  });
});

describe("absorbed gains", () => {
  const llama = network("llama-mha");
  const group = discoverSymmetry(llama);
  const parameters = parametersOf(llama);

  it("are 1 exactly, and the function is the same", async () => {
    const absorbed = absorbGains(group, 0, parameters);
    for (const name of group.factors[0]?.gains ?? []) {
      expect(new Set(toNumbers(parameters[name] as Tensor)).size).toBeGreaterThan(1);
      expect(new Set(toNumbers(absorbed[name] as Tensor))).toEqual(new Set([1]));
    }
    expect(await change(llama, parameters, absorbed)).toBeLessThan(rounding);
  });

  it("have to be absorbed before the stream is mixed", () => {
    expect(() => mix(group, 0, randomMatrices(group, 0, key), parameters)).toThrow(
      /^"model.layers.0.input_layernorm.weight": expected all gains to be 1 [^\n]*; call absorbGains first$/,
    );
  });

  it("cannot be 0", () => {
    const dead = { ...parameters, "model.norm.weight": fromNumbers("float64", [1, 1, 0, 1, 1, 1, 1, 1]) };
    expect(() => absorbGains(group, 0, dead)).toThrow(/^"model.norm.weight": expected gains [^\n]* got 0/);
  });
});

describe("mix", () => {
  const bottleneck = network("linear-bottleneck");
  const group = discoverSymmetry(bottleneck);
  const index = group.factors.findIndex(({ matrix }) => matrix);
  const parameters = parametersOf(bottleneck);

  it("gives the numbers of A W, A b and W A^-1", () => {
    const mixed = mix(group, index, Float64Array.of(1, 2, 3, 5), {
      "down.weight": fromNumbers("float64", [1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0], [2, 6]),
      "down.bias": fromNumbers("float64", [1, -1]),
      "up.weight": fromNumbers("float64", [1, 0, 0, 1, 1, 1, 0, 0, 0, 0], [5, 2]),
    });
    expect([...toNumbers(mixed["down.weight"] as Tensor)]).toEqual([1, 2, 0, 0, 0, 1, 3, 5, 0, 0, 0, 3]);
    expect([...toNumbers(mixed["down.bias"] as Tensor)]).toEqual([-1, -2]);
    const expected = [-5, 2, 3, -1, -2, 1, 0, 0, 0, 0];
    for (const [i, x] of toNumbers(mixed["up.weight"] as Tensor).entries())
      expect(x).toBeCloseTo(expected[i] as number);
  });

  it.each(["float32", "float16", "bfloat16"] as const)("keeps %s, rounding once", (dtype) => {
    const single = Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, convert(value, dtype)]));
    const double = Object.fromEntries(Object.entries(single).map(([name, value]) => [name, convert(value, "float64")]));
    const matrices = randomMatrices(group, index, key);
    const [narrow, wide] = [mix(group, index, matrices, single), mix(group, index, matrices, double)];
    for (const name of Object.keys(parameters)) expect(narrow[name]).toEqual(convert(wide[name] as Tensor, dtype));
  });

  it("leaves its arguments and other tensors alone", () => {
    const before = structuredClone(parameters);
    const other = fromNumbers("float32", [1, 2]);
    const mixed = mix(group, index, randomMatrices(group, index, key), { ...parameters, other });
    expect(mixed.other).toBe(other);
    expect(mixed["last.weight"]).toBe(parameters["last.weight"]);
    expect(parameters).toEqual(before);
  });

  it.each([
    ["a singular matrix", () => mix(group, index, Float64Array.of(1, 2, 2, 4), parameters), /singular one at 0$/],
    ["too few numbers", () => mix(group, index, Float64Array.of(1), parameters), /expected 1 x 2 x 2 numbers, got 1$/],
    ["a factor without matrices", () => mix(group, 0, new Float64Array(36), parameters), /^factor "first": /],
    ["no factor", () => randomMatrices(group, 99, key), /^factor 99: /],
  ])("refuses %s", (_, call, message) => {
    expect(call).toThrow(message);
  });
});

describe("random matrices", () => {
  const group: SymmetryGroup = {
    factors: (["orthogonal", "orthogonal-mean"] as const).map((matrix) => ({
      name: matrix,
      size: 6,
      copies: 2,
      within: [],
      permutes: true,
      matrix,
      gains: [],
      sites: [],
    })),
    generators: [],
    layouts: {},
    pinned: [],
    unknownOperators: [],
  };

  it.each([0, 1])("are orthogonal", (index) => {
    const matrices = randomMatrices(group, index, key);
    const identity = products(matrices, inverses(group.factors[index] as Factor, matrices), 6);
    for (const [at, x] of identity.entries()) expect(x).toBeCloseTo(Math.floor(at / 6) % 6 === at % 6 ? 1 : 0, 12);
    expect(matrices.subarray(0, 36)).not.toEqual(matrices.subarray(36));
  });

  it("keep the mean", () => {
    const matrices = randomMatrices(group, 1, key);
    const v = normal(key, [6], { dtype: "float64" }).data;
    const moved = v.map((_, i) => v.reduce((sum, x, j) => sum + (matrices[i * 6 + j] as number) * x, 0));
    expect(moved.reduce((sum, x) => sum + x)).toBeCloseTo(
      v.reduce((sum, x) => sum + x),
      12,
    );
  });
});
