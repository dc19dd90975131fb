import { afterAll, describe, expect, it } from "vitest";
import { type Architecture, architectures, randomParameters } from "../../../test/architectures/index.ts";
import { randomlyRotated } from "../../../test/symmetry/random-rotation.ts";
import { referenceEngine } from "../../engine/index.ts";
import { initializeParameters, llama, type Network, type Parameters } from "../../nets/index.ts";
import {
  absorbGains,
  certify,
  discoverSymmetry,
  identity,
  mix,
  randomMatrices,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { assignHeads } from "../heads/head-gains.ts";
import { headSets } from "../heads/heads.ts";
import { matchingOf } from "../matching/gains.ts";
import { gramEngine } from "../matching/gram-engine.ts";
import { innerProduct } from "../matching/match.ts";
import { matchWithRotations, type RotatedMatch } from "./match-rotations.ts";
import { rotate } from "./rotate.ts";

const engine = referenceEngine();
afterAll(() => engine[Symbol.asyncDispose]());

const small = { vocabulary: 20, context: 4, width: 12, depth: 1, hidden: 10, headSize: 4 };
const networks: readonly (readonly [string, Network])[] = [
  ...["vit", "gpt2", "llama-mha", "llama-gqa", "linear-bottleneck"].map(
    (name) => [name, (architectures.find((each) => each.name === name) as Architecture).network] as const,
  ),
  ["llama, several queries and planes", llama({ ...small, heads: 4, kvHeads: 2 })],
  ["llama, one head of keys", llama({ ...small, heads: 3, kvHeads: 1 })],
  ["llama, tied", llama({ ...small, heads: 4, kvHeads: 2, tied: true })],
];

/** The embedding of a tied Llama has a sign of its own beside those of the norms, which only all together restore. */
const unflipped = (name: string) => (name === "llama, tied" ? [0] : []);

function noisy(parameters: Parameters, part: number, seed: number): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, { shape, data }]) => {
      const numbers = [...(data as Float64Array)];
      const size = Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
      const noise = normal(fold(rngKey(seed), "noise", name), shape, { dtype: "float64" }).data;
      return [
        name,
        fromNumbers(
          "float64",
          numbers.map((x, i) => x + part * size * (noise[i] as number)),
          shape,
        ),
      ];
    }),
  );
}

/** The largest difference of two tensors of one name, over the largest entry. */
function distance(a: Parameters, b: Parameters): number {
  const each = Object.entries(a).map(([name, tensor]) => {
    const [x, y] = [toNumbers(tensor), toNumbers(b[name] as Tensor)];
    return Math.max(...x.map((value, i) => Math.abs(value - (y[i] as number)))) / Math.max(...x.map(Math.abs));
  });
  return Math.max(...each);
}

/** Rounding of a few products of matrices in float64. */
const rounding = 1e-11;

/** Whether permutations undo others, one after another. */
function undoes(group: SymmetryGroup, match: RotatedMatch, planted: readonly Int32Array[]): boolean {
  const blocks = new Set(group.factors.flatMap(({ within }) => within.map(({ factor }) => factor)));
  return [...blocks].every(
    (factor) =>
      factor === null ||
      match.element.permutations[factor]?.every((from, to) => (planted[factor] as Int32Array)[from] === to),
  );
}

describe.each(networks)("%s", (name, network) => {
  const group = discoverSymmetry(network);
  const rotated = (parameters: Parameters, seed: number) =>
    randomlyRotated(group, fold(rngKey(seed), name), parameters, { unflipped: unflipped(name) });

  it.each([1, 2, 3])("is recovered from random matrices, permutations and signs, seed %d", async (seed) => {
    const a = randomParameters(network, rngKey(seed));
    const { parameters: b, element } = rotated(a, seed);
    const match = await matchWithRotations(a, b, group, { engine, key: rngKey(seed), restarts: 1 });
    expect(distance(a, match.parameters)).toBeLessThan(rounding);
    expect(undoes(group, match, element.permutations)).toBe(true);
    expect(match.objective.after).toBeCloseTo(match.objective.bound, 8);
    expect(match.objective.before).toBeLessThan(match.objective.after);
  });

  it("has its heads recovered under a tenth of noise; the objective never falls, the function stays", async () => {
    const a = randomParameters(network, rngKey(7));
    const { parameters: b, element } = rotated(noisy(a, 0.1, 7), 7);
    const seen: number[] = [];
    const onProgress = ({ objective }: { readonly objective: number }) => seen.push(objective);
    const match = await matchWithRotations(a, b, group, { engine, key: rngKey(7), restarts: 1, onProgress });
    expect(undoes(group, match, element.permutations)).toBe(true);
    expect([...seen, match.objective.after + 1e-9]).toEqual(
      seen.concat(match.objective.after + 1e-9).toSorted((x, y) => x - y),
    );
    const last = seen.at(-1) as number;
    expect(Math.abs(match.objective.after - last)).toBeLessThan(0.1 * last);
    const { ok, isExact } = await certify(network, b, match.parameters, { engine, key: rngKey(1), probes: 2 });
    expect({ ok, isExact }).toEqual({ ok: true, isExact: false });
  });
});

describe("heads", () => {
  const network = llama({ ...small, heads: 6, kvHeads: 3 });
  const group = discoverSymmetry(network);

  it("are told by what no invertible matrix inside changes", async () => {
    for (const seed of [1, 2, 3]) {
      const a = absorbGains(group, 0, randomParameters(network, rngKey(seed)));
      const still = {
        ...group,
        factors: group.factors.map((each, i) => (i === 0 ? { ...each, matrix: null, gains: [] } : each)),
      };
      const { parameters: b, element } = randomlyRotated(still, rngKey(seed), a, { isGeneral: true, unflipped: [0] });
      const onlyHeads = {
        ...element,
        permutations: element.permutations.with(0, identity(group).permutations[0] as Int32Array),
      };
      expect(onlyHeads.permutations[0]).not.toEqual(element.permutations[0]);
      await using grams = gramEngine(engine);
      const matching = matchingOf(group, [a, b], { grams });
      const [set] = headSets(group);
      if (!set) throw new Error("no heads");
      // What permutes the stream is taken as known.
      const stream = new Int32Array(element.permutations[0]?.length ?? 0);
      for (const [to, from] of (element.permutations[0] as Int32Array).entries()) stream[from] = to;
      const known = { ...identity(group), permutations: identity(group).permutations.with(0, stream) };
      const [planted, inside] = [set.heads, set.queries].map(
        (factor) => element.permutations[factor as number] as Int32Array,
      );
      for (const shares of [set.shares, ...set.shares.map((share) => [share])]) {
        const { heads, queries } = await assignHeads(matching, { ...set, shares }, known);
        for (const [to, from] of heads.entries()) {
          expect(planted?.[from]).toBe(to);
          for (let i = 0; i < 2; i++) expect(inside?.[2 * from + (queries[2 * to + i] as number)]).toBe(i);
        }
      }
    }
  });
});

describe("a stream through LayerNorm", () => {
  it("may be turned to its negative, its mean too", async () => {
    const [, network] = networks[0] as (typeof networks)[number];
    const group = discoverSymmetry(network);
    const a = randomParameters(network, rngKey(9));
    const opposite = randomMatrices(group, 0, rngKey(10)).map((x) => -x);
    const b = mix(group, 0, opposite, absorbGains(group, 0, a));
    const match = await matchWithRotations(a, b, group, { engine, key: rngKey(1), restarts: 1 });
    expect(distance(a, match.parameters)).toBeLessThan(rounding);
  });
});

describe("independent networks", () => {
  const network = llama({ ...small, vocabulary: 6, width: 6, hidden: 4, heads: 2, kvHeads: 1 });
  const group = discoverSymmetry(network);
  const [a, b] = [1, 2].map((seed) => initializeParameters(network, rngKey(seed), "float32")) as [
    Parameters,
    Parameters,
  ];

  it("are nearer than as stored, by what the parameters say", async () => {
    const match = await matchWithRotations(a, b, group, { engine, key: rngKey(1) });
    const names = Object.keys(group.layouts);
    // All gains are 1 at the start of training.
    expect(match.objective.before).toBeCloseTo(innerProduct(a, b, names), 4);
    expect(match.objective.after).toBeCloseTo(innerProduct(a, match.parameters, names), 4);
    expect(match.objective.after).toBeGreaterThan(match.objective.before);
    expect(match.objective.after).toBeLessThanOrEqual(match.objective.bound);
    expect(match.starts.map(({ start }) => start)).toEqual(["fingerprint", "identity"]);
    expect(rotate(group, match, b)).toEqual(match.parameters);
  });

  it("are matched to the same bytes with the same key", async () => {
    const once = () => matchWithRotations(a, b, group, { engine, key: rngKey(5), restarts: 3 });
    expect(await once()).toEqual(await once());
  });

  it("keep their type, and what they compute up to rounding", async () => {
    const { parameters } = await matchWithRotations(a, b, group, { engine, key: rngKey(1), restarts: 1 });
    expect(new Set(Object.values(parameters).map(({ dtype }) => dtype))).toEqual(new Set(["float32"]));
    expect(await certify(network, b, parameters, { engine, key: rngKey(1), probes: 2 })).toMatchObject({ ok: true });
  });

  it("stop when they are told to, and are refused where a gain is 0", async () => {
    const options = { engine, key: rngKey(1) };
    await expect(matchWithRotations(a, b, group, { ...options, signal: AbortSignal.abort() })).rejects.toThrow(
      /abort/i,
    );
    const dead = { ...a, "model.norm.weight": fromNumbers("float32", new Array(6).fill(0)) };
    await expect(matchWithRotations(dead, b, group, options)).rejects.toThrow(/^"model.norm.weight": expected gains/);
    await expect(matchWithRotations(a, b, group, { ...options, restarts: 0 })).rejects.toThrow(/^restarts: expected/);
  });
});
