import { describe, expect, it } from "vitest";
import { architectures, randomInput, randomParameters } from "../../test/architectures/index.ts";
import { referenceEngine, type Tensors } from "../engine/index.ts";
import type { Network } from "../nets/index.ts";
import { convert, elementCount, fold, fromNumbers, rngKey, type Tensor, toNumbers } from "../tensor/index.ts";
import { certify } from "./certificate.ts";
import { type GraphPiece, graphPieces } from "./graph-pieces.ts";
import { act, discoverSymmetry, randomElement, restores } from "./index.ts";
import { inputName, networkOutput } from "./network-graph.ts";

const engine = referenceEngine();
const key = rngKey(5);
const small = architectures.filter(({ name }) => ["mlp-relu", "resnet20", "vit", "llama-gqa-tied"].includes(name));

/** Runs pieces one after another, each with the inputs and earlier outputs that it names and nothing else. */
async function runPieces(pieces: readonly GraphPiece[], feeds: Tensors): Promise<Tensor> {
  let known: Tensors = feeds;
  let last: Tensors = {};
  for (const { outputs, inputs, passed } of pieces) {
    await using program = await engine.compile(outputs);
    last = await program.run(Object.fromEntries([...inputs, ...passed].map((name) => [name, known[name] as Tensor])));
    known = { ...known, ...last };
  }
  return Object.values(last)[0] as Tensor;
}

describe.each(small.map(({ name, network }) => [name, network] as const))("the pieces of %s", (_, network) => {
  const parameters = randomParameters(network, fold(key, "parameters"));
  const x = randomInput(network, fold(key, "input"), 1);
  const output = networkOutput(network, { shape: x.shape, dtype: "float64" });
  const feeds = { ...parameters, [inputName]: x };

  it.each([0, 512, 1e9])("compute what the whole does, with %d bytes each", async (mostBytes) => {
    await using program = await engine.compile({ output });
    const whole = (await program.run(feeds)).output as Tensor;
    const pieces = graphPieces(output, mostBytes);
    expect(pieces.length).toBe(mostBytes === 1e9 ? 1 : pieces.length);
    expect(mostBytes < 1e9 ? pieces.length : 2).toBeGreaterThan(1);
    expect(toNumbers(await runPieces(pieces, feeds))).toEqual(toNumbers(whole));
  });

  it("read no more bytes than they may", () => {
    const bytes = (name: string) => (name in parameters ? 8 * elementCount((parameters[name] as Tensor).shape) : 0);
    const largest = Math.max(...Object.keys(parameters).map(bytes));
    for (const { inputs } of graphPieces(output, 2 * largest + 1000)) {
      expect(inputs.reduce((sum, name) => sum + bytes(name), 0)).toBeLessThanOrEqual(2 * largest + 1000);
    }
  });
});

describe("a certificate in pieces", () => {
  const named = (wanted: string) => architectures.find(({ name }) => name === wanted)?.network as Network;
  const network = named("llama-gqa");
  const group = discoverSymmetry(network);
  const a = randomParameters(network, fold(key, "a"));
  const element = randomElement(group, fold(key, "element"), { spread: 1 });
  const b = act(group, element, a);
  const options = { engine, key, element } as const;

  it("finds the deviation that the whole network has", async () => {
    const [name] = Object.keys(a) as [string];
    const value = a[name] as Tensor;
    const numbers = toNumbers(value).map((x) => x * 1.01);
    const wrong = { ...b, [name]: convert(fromNumbers("float64", numbers, value.shape), value.dtype) };
    for (const other of [b, wrong]) {
      const [whole, pieces] = [
        await certify(network, a, other, { ...options, probes: 1 }),
        await certify(network, a, other, { ...options, probes: 1, inPieces: true }),
      ];
      expect(pieces).toMatchObject({ ok: other === b, inPieces: true, probes: 1, outputScale: whole.outputScale });
      expect(pieces.maxRelative).toBe(whole.maxRelative);
    }
  });

  it("is backed by undoing the element, which any other bit betrays", () => {
    expect(restores(group, element, { before: a, after: b })).toBe(true);
    const [name] = Object.keys(b) as [string];
    const numbers = toNumbers(b[name] as Tensor).slice();
    numbers[0] = -(numbers[0] as number);
    const flipped = { ...b, [name]: fromNumbers("float64", numbers, (b[name] as Tensor).shape) };
    expect(restores(group, element, { before: a, after: flipped })).toBe(false);
  });
});
