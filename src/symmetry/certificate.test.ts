import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomInput, randomParameters } from "../../test/architectures/index.ts";
import { type Engine, referenceEngine } from "../engine/index.ts";
import { InputError } from "../errors.ts";
import { conv, globalAveragePool, topologicalOrder, type Value } from "../graph/index.ts";
import { defineNetwork, mlp, type Network, type Parameters } from "../nets/index.ts";
import { nativeEngine } from "../node/index.ts";
import { convert, type DType, fold, fromNumbers, rngKey, type Tensor, toNumbers, zeros } from "../tensor/index.ts";
import { type CertifyOptions, certify } from "./certificate.ts";
import { act, discoverSymmetry, type GroupElement, randomElement } from "./index.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(31);
const groups = new Map(architectures.map(({ network }) => [network, discoverSymmetry(network)]));

function networkNamed(name: string): Network {
  return architectures.find((each) => each.name === name)?.network as Network;
}

interface Pair {
  readonly network: Network;
  readonly a: Parameters;
  readonly b: Parameters;
  readonly element: GroupElement;
}

/** Random parameters, and what a random element makes of them. */
function pairOf(network: Network, { seed = 0, dtype = "float64" as DType, spread = 2 } = {}): Pair {
  const own = fold(key, seed);
  const group = groups.get(network) ?? discoverSymmetry(network);
  const a = stored(randomParameters(network, fold(own, "parameters")), dtype);
  const element = randomElement(group, fold(own, "element"), { spread });
  return { network, a, b: act(group, element, a), element };
}

function stored(parameters: Parameters, dtype: DType): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, convert(value, dtype)]));
}

function certifyPair({ network, a, b, element }: Pair, options: Partial<CertifyOptions> = {}) {
  return certify(network, a, b, { engine, key, element, ...options });
}

/** Another number in the middle of one tensor. */
function corrupted(parameters: Parameters, name: string, change = (x: number) => x + 0.5): Parameters {
  const value = parameters[name] as Tensor;
  const numbers = toNumbers(value).slice();
  const at = Math.floor(numbers.length / 2);
  numbers[at] = change(numbers[at] as number);
  return { ...parameters, [name]: convert(fromNumbers("float64", numbers, value.shape), value.dtype) };
}

/** Rounding in float64, through all layers of the deepest architecture. */
const rounding = 1e-13;

describe.each(architectures.map(({ name, network }) => [name, network] as const))("%s", (_, network) => {
  it("computes the same after a random element of its group", async () => {
    const certificate = await certifyPair(pairOf(network), { probes: 3 });
    expect(certificate).toMatchObject({ ok: true, isExact: false, probes: 3, precision: "float64", reason: null });
    expect(certificate.maxRelative).toBeLessThan(rounding);
    expect(certificate.outputScale).toBeGreaterThan(0);
  });
});

const sites = [
  ["mlp-relu", "layers.1.weight"],
  ["mlp-relu", "layers.0.bias"],
  ["lenet", "conv2.weight"],
  ["resnet18", "layer2.0.bn1.running_var"],
  ["resnet18", "layer3.0.downsample.0.weight"],
  ["vit", "vit.encoder.layer.1.output.dense.weight"],
  ["llama-gqa", "model.layers.1.self_attn.k_proj.weight"],
  ["llama-gqa", "model.embed_tokens.weight"],
] as const;

describe("a certificate", () => {
  it.each(sites)("of %s names %s where one of its numbers is wrong", async (name, tensor) => {
    const pair = pairOf(networkNamed(name));
    const certificate = await certifyPair({ ...pair, b: corrupted(pair.b, tensor) });
    expect(certificate.ok).toBe(false);
    expect(certificate.maxRelative).toBeGreaterThan(certificate.tolerance);
    expect(certificate.firstDifference?.layer.split(", ")).toContain(tensor);
  });

  it.each(sites)("of %s names %s where the element left it behind", async (name, tensor) => {
    const pair = pairOf(networkNamed(name));
    const certificate = await certifyPair(
      { ...pair, b: { ...pair.b, [tensor]: pair.a[tensor] as Tensor } },
      { probes: 3 },
    );
    expect(certificate.ok).toBe(false);
    expect(certificate.reason).toMatch(/^outputs differ by \S+ of the largest, more than 1\.0e-9$/);
    expect(certificate.firstDifference?.layer.split(", ")).toContain(tensor);
  });

  it("names a layer without knowing the element, which no scaled and permuted units explain", async () => {
    const { element: _, ...pair } = pairOf(networkNamed("lenet"));
    const options = { engine, key };
    expect(await certify(pair.network, pair.a, pair.b, options)).toMatchObject({ ok: true, firstDifference: null });
    const wrong = await certify(pair.network, pair.a, corrupted(pair.b, "conv2.bias"), options);
    expect(wrong).toMatchObject({ ok: false, firstDifference: { layer: expect.stringContaining("conv2.bias") } });
  });

  it("does not run equal parameters", async () => {
    const { network, a } = pairOf(networkNamed("mlp-relu"));
    const copy = Object.fromEntries(
      Object.entries(a).map(([name, value]) => [name, { ...value, data: value.data.slice() } as Tensor]),
    );
    const certificate = await certify(network, a, copy, { engine: { ...engine, compile: refuse }, key });
    expect(certificate).toMatchObject({ ok: true, isExact: true, maxRelative: 0, probes: 0 });
  });

  it("is the same for the same key", async () => {
    const pair = pairOf(networkNamed("lenet"));
    expect(await certifyPair(pair)).toEqual(await certifyPair(pair));
  });

  it.each([NaN, Infinity])("is refused where a weight is %d", async (wrong) => {
    const pair = pairOf(networkNamed("mlp-tanh"));
    const b = corrupted(pair.b, "layers.2.weight", () => wrong);
    expect(await certifyPair({ ...pair, b })).toMatchObject({
      ok: false,
      maxRelative: Infinity,
      reason: "an output is not a finite number",
      firstDifference: { layer: "layers.2.weight", maxRelative: Infinity },
    });
    expect(await certifyPair({ ...pair, a: b, b: pair.b })).toMatchObject({ ok: false, maxRelative: Infinity });
  });

  it("says that outputs of zeros are equal, and differ from all others", async () => {
    const pair = pairOf(networkNamed("mlp-relu"));
    const silent = { "layers.2.weight": zeros("float64", [3, 4]), "layers.2.bias": zeros("float64", [3]) };
    const [a, b] = [
      { ...pair.a, ...silent },
      { ...pair.b, ...silent },
    ];
    expect(await certifyPair({ ...pair, a, b })).toMatchObject({ ok: true, maxRelative: 0, outputScale: 0 });
    expect(await certifyPair({ ...pair, a })).toMatchObject({ ok: false, maxRelative: 1 });
  });

  it("tries data beside the random probes", async () => {
    const network = mlp({ input: 1, widths: [2], outputs: 1 });
    const a = {
      "layers.0.weight": fromNumbers("float64", [1, 1], [2, 1]),
      "layers.0.bias": fromNumbers("float64", [0.5, -1000]),
      "layers.1.weight": fromNumbers("float64", [1, 1], [1, 2]),
      "layers.1.bias": fromNumbers("float64", [0]),
    };
    const b = { ...a, "layers.1.weight": fromNumbers("float64", [1, 2], [1, 2]) };
    const data = fromNumbers("float32", [1, 2, 3, 2000, 4], [5, 1]);
    expect(await certify(network, a, b, { engine, key })).toMatchObject({ ok: true, probes: 8 });
    const certificate = await certify(network, a, b, { engine, key, data });
    // At 2000: 2000.5 + 1000 beside 2000.5 + 2 * 1000.
    expect(certificate).toMatchObject({ ok: false, probes: 13, outputScale: 4000.5, maxRelative: 1000 / 4000.5 });
  });

  it("tries every one of many inputs", async () => {
    const { network, a } = pairOf(networkNamed("mlp-relu"));
    const rows = Array.from({ length: 1500 * 5 }, (_, i) => (Math.floor(i / 5) === 1100 ? 1e6 : 0));
    const data = fromNumbers("float64", rows, [1500, 5]);
    const certificate = await certify(network, a, corrupted(a, "layers.0.weight"), { engine, key, data });
    expect(certificate).toMatchObject({ ok: false, probes: 1508 });
    expect(certificate.outputScale).toBeGreaterThan(1e4);
  });

  it.each(Array.from({ length: 7 }, (_, row) => row))("sees row %d of an embedding", async (row) => {
    const pair = pairOf(networkNamed("llama-mha"));
    const numbers = toNumbers(pair.b["model.embed_tokens.weight"] as Tensor).slice();
    numbers[row * 8 + 3] = 2 * (numbers[row * 8 + 3] as number);
    const b = { ...pair.b, "model.embed_tokens.weight": fromNumbers("float64", numbers, [7, 8]) };
    expect((await certifyPair({ ...pair, b })).ok).toBe(false);
  });

  it("sees the last position of a sequence, and takes shorter ones as data", async () => {
    const pair = pairOf(networkNamed("gpt2"));
    const numbers = toNumbers(pair.b["wpe.weight"] as Tensor).slice();
    numbers[numbers.length - 1] = 3 + (numbers.at(-1) as number);
    const b = { ...pair.b, "wpe.weight": fromNumbers("float64", numbers, [5, 8]) };
    expect(await certifyPair({ ...pair, b }, { probes: 1 })).toMatchObject({ ok: false });
    const data = convert(fromNumbers("int32", [6, 0, 3], [1, 3]), "int32");
    expect(await certifyPair(pair, { probes: 1, data })).toMatchObject({ ok: true, probes: 2 });
  });
});

describe("the tolerance for narrow types", () => {
  it.each([
    ["mlp-relu", "float32", 8, "layers.1.weight"],
    ["mlp-relu", "float16", 8, "layers.1.weight"],
    ["mlp-relu", "bfloat16", 8, "layers.1.weight"],
    ["lenet", "bfloat16", 3, "fc1.weight"],
    ["llama-gqa", "float32", 3, "model.layers.0.mlp.up_proj.weight"],
  ] as const)(
    "allows %s in %s %d random elements, but none that leaves %s behind",
    async (name, dtype, seeds, site) => {
      const network = networkNamed(name);
      for (let seed = 0; seed < seeds; seed++) {
        const pair = pairOf(network, { seed, dtype });
        const certificate = await certifyPair(pair);
        expect(certificate).toMatchObject({ ok: true, reason: null });
        const wrong = { ...pair, b: { ...pair.b, [site]: pair.a[site] as Tensor } };
        expect(await certifyPair(wrong, { tolerance: certificate.tolerance, probes: 2 })).toMatchObject({ ok: false });
      }
    },
  );

  it("is that of float64 where both are stored and computed in it, and none beyond rounding where nothing is scaled", async () => {
    const network = networkNamed("mlp-relu");
    const { element: _, ...unknown } = pairOf(network, { spread: 1, dtype: "float32" });
    const moved = pairOf(network, { spread: 1, dtype: "bfloat16" });
    expect((await certifyPair(pairOf(network))).tolerance).toBe(1e-9);
    expect((await certifyPair(moved)).tolerance).toBe(1e-12);
    const { tolerance } = await certify(network, unknown.a, unknown.b, { engine, key });
    expect(tolerance).toBeGreaterThan(2 ** -24);
    expect(tolerance).toBeLessThan(2 ** -14);
  });
});

describe("an engine without float64", () => {
  const narrow: Engine = { ...engine, name: "narrow", compile: refusingFloat64 };
  const wide = defineNetwork({
    description: { net: "wide" },
    inputShape: [3, 32, 32],
    inputKind: "real",
    outputs: 3,
    forward: (x, scope) => {
      const he = { kind: "he", distribution: "normal" } as const;
      const first = conv(x, scope.weight("first.weight", [64, 3, 3, 3], he)).relu();
      const second = conv(first, scope.weight("second.weight", [64, 64, 3, 3], he)).relu();
      return globalAveragePool(second).matmul(scope.weight("last.weight", [64, 3], he));
    },
  });

  it("leaves small networks to the reference engine", async () => {
    const pair = pairOf(networkNamed("mlp-relu"));
    const certificate = await certifyPair({ ...pair, b: corrupted(pair.b, "layers.1.bias") }, { engine: narrow });
    expect(certificate).toMatchObject({ ok: false, precision: "float64", firstDifference: { layer: "layers.1.bias" } });
  });

  it("computes large ones in float32, and allows for that", async () => {
    const pair = pairOf(wide);
    const certificate = await certifyPair(pair, { engine: narrow });
    expect(certificate).toMatchObject({ ok: true, precision: "float32" });
    expect(certificate.tolerance).toBeGreaterThan(1e-8);
    expect(certificate.tolerance).toBeLessThan(1e-4);
    const b = { ...pair.b, "second.weight": pair.a["second.weight"] as Tensor };
    expect(await certifyPair({ ...pair, b }, { engine: narrow })).toMatchObject({ ok: false, firstDifference: null });
  });

  it("is told apart from one that fails", async () => {
    const broken = { ...engine, compile: () => Promise.reject(new Error("out of memory")) };
    await expect(certifyPair(pairOf(networkNamed("mlp-relu")), { engine: broken })).rejects.toThrow("out of memory");
  });

  it("may be asked for float32, and the reference engine for float64", async () => {
    const pair = pairOf(networkNamed("lenet"));
    expect(await certifyPair(pair, { precision: "float32" })).toMatchObject({ ok: true, precision: "float32" });
    const reference = { engine: referenceEngine(), probes: 1 };
    expect(await certifyPair(pair, reference)).toMatchObject({ ok: true, precision: "float64" });
  });

  function refusingFloat64(outputs: Readonly<Record<string, Value>>) {
    const isWide = topologicalOrder(Object.values(outputs)).some(({ dtype }) => dtype === "float64");
    if (!isWide) return engine.compile(outputs);
    throw new InputError({ code: "unsupported-dtype", message: "no float64" });
  }
});

function refuse(): never {
  throw new Error("expected nothing to run");
}

describe("wrong input of a certificate", () => {
  const { network, a, b } = pairOf(networkNamed("mlp-relu"));
  const run = (from: Parameters, to: Parameters, options: Partial<CertifyOptions> = {}) =>
    certify(network, from, to, { engine, key, ...options });

  it("is named", async () => {
    const { "layers.1.bias": _, ...lacking } = a;
    await expect(run(lacking, b)).rejects.toThrow("layers.1.bias: expected real numbers [4] in a, got none");
    const short = { ...b, "layers.0.weight": zeros("float32", [5]) };
    await expect(run(a, short)).rejects.toThrow("layers.0.weight: expected real numbers [6, 5] in b, got float32 [5]");
    await expect(run(a, b, { probes: 0 })).rejects.toThrow("certify: expected at least 1 probe, got 0");
    await expect(run(a, b, { data: zeros("float32", [2, 4]) })).rejects.toThrow(
      "certify: expected data of real numbers [n, 5], got float32 [2, 4]",
    );
    await expect(run(a, b, { data: randomInput(networkNamed("gpt2"), key, 2) })).rejects.toThrow("got int64 [2, 5]");
  });
});
