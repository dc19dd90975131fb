import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeModelFile, gpt2, llama, type Network, type Parameters } from "../../src/nets/index.ts";
import { writeFileAtomically } from "../../src/node/index.ts";
import { discoverSymmetry } from "../../src/symmetry/index.ts";
import { convert, rngKey, type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { randomParameters } from "../architectures/index.ts";
import { randomlyRotated } from "../symmetry/random-rotation.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { readSafetensors } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const sizes = { vocabulary: 20, context: 4, width: 12, depth: 1, heads: 4 };
const networks: Readonly<Record<string, Network>> = {
  llama: llama({ ...sizes, kvHeads: 2, headSize: 4, hidden: 10 }),
  gpt2: gpt2({ ...sizes, heads: 3 }),
};

function inType(parameters: Parameters, dtype: "float32" | "float16"): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, convert(value, dtype)]));
}

beforeAll(async () => {
  for (const [name, network] of Object.entries(networks)) {
    const a = randomParameters(network, rngKey(1));
    const { parameters: b } = randomlyRotated(discoverSymmetry(network), rngKey(2), a);
    for (const [which, parameters] of Object.entries({ a, b })) {
      await writeFileAtomically(
        join(folder.path, `${name}-${which}.safetensors`),
        encodeModelFile(network, inType(parameters, "float32")),
      );
    }
  }
});

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

/** Numbers of size one in float32, after a few products. */
const rounding = 1e-5;

describe.each(Object.keys(networks))("align --rotations of %s", (name) => {
  const [a, b, out] = ["a", "b", "out"].map((which) => `${name}-${which}.safetensors`) as [string, string, string];
  const bytes = (file: string) => readFileSync(join(folder.path, file));

  it("gives a again, with a certificate, and a sidecar that does it once more to the same bytes", async () => {
    const aligned = await json("align", a, b, "-o", out, "--rotations", "--restarts", "1");
    expect(aligned).toMatchObject({ output: out, certificate: { ok: true, isExact: false } });
    const [x, y] = [await readSafetensors(join(folder.path, a)), await readSafetensors(join(folder.path, out))];
    for (const [tensor, value] of Object.entries(x.tensors)) {
      const other = toNumbers(y.tensors[tensor] as Tensor);
      for (const [i, entry] of toNumbers(value).entries())
        expect(Math.abs(entry - (other[i] as number))).toBeLessThan(rounding);
    }
    const again = await json("replay", `${out}.json`, "-o", `again-${out}`);
    expect(again).toMatchObject({ certificate: { ok: true } });
    expect(bytes(`again-${out}`)).toEqual(bytes(out));
  });

  it("is refused by replay with matrices that are not the network's", async () => {
    const sidecar = JSON.parse(bytes(`${out}.json`).toString());
    const own = sidecar.matrices.findIndex((each: string | null) => each !== null);
    writeFileSync(
      join(folder.path, "short.json"),
      JSON.stringify({ ...sidecar, matrices: sidecar.matrices.with(own, "AAAA") }),
    );
    writeFileSync(
      join(folder.path, "none.json"),
      JSON.stringify({ ...sidecar, matrices: sidecar.matrices.with(own, null) }),
    );
    const before = contentsOf(folder.path);
    for (const [file, message] of [
      ["short.json", /expected matrices of the network's group/],
      ["none.json", /expected the weights that the alignment wrote/],
    ] as const) {
      const { status, stderr } = await orbifold(folder.path, "replay", file, "-o", "never.safetensors");
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(message) });
    }
    expect(contentsOf(folder.path)).toEqual(before);
  });

  it("is for matching by weights only", async () => {
    const { status, stderr } = await orbifold(
      folder.path,
      "align",
      a,
      b,
      "-o",
      "x.npz",
      "--method",
      "greedy",
      "--rotations",
    );
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/--rotations: expected the method weights, got greedy/),
    });
  });
});
