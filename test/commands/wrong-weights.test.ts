import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { fromNumbers } from "../../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { readSafetensors, torchFile, trained, writeModels, writeSafetensors } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const output = ["-o", "new.safetensors"];
const cases: readonly (readonly [words: readonly string[], message: string])[] = [
  [["canonicalize"], "canonicalize: expected 1 argument, got none"],
  [["canonicalize", trained], "--out: is needed; say with -o where to write"],
  [["orbit", trained], "--out: is needed; say with -o where to write"],
  [["certify", trained], 'certify: expected 2 arguments, got "out/mlp-seed7.safetensors"'],
  [["hash", "nowhere.onnx"], "nowhere.onnx: no such file"],
  [["canonicalize", trained, "-o", "new.pt"], "new.pt: expected a name that ends in .safetensors or .npz"],
  [["canonicalize", trained, "-o", "new"], "new: expected a name that ends in .safetensors or .npz"],
  [["canonicalize", "external.onnx", ...output], "new.safetensors: expected a name that ends in .onnx"],
  [["canonicalize", trained, "-o", "out"], "out: expected a name that ends in"],
  [["canonicalize", trained, "-o", "no/where/new.npz"], "no/where/new.npz: "],
  [["hash", "wrapped.safetensors"], "wrapped.safetensors: expected a file that says which network .* with --graph"],
  [["hash", trained, "--graph", "external.onnx", "--net", "mlp"], "--graph: expected --graph or --net, got both"],
  [["hash", trained, "--graph", "external.onnx"], "out/mlp-seed7.safetensors: expected the 5 tensors of external.onnx"],
  [["hash", trained, "--graph", trained], "out/mlp-seed7.safetensors: "],
  [["hash", "external.onnx", "--graph", "flax.onnx"], "external.onnx: expected no other network for an ONNX file"],
  [["hash", "external.onnx", "--net", "lenet"], "external.onnx: expected no other network for an ONNX file"],
  [["hash", trained, "--net", "mpl"], '.*expected one of .*"mpl"'],
  [
    ["hash", trained, "--net", "mlp", "--widths", "5", "--input", "64", "--outputs", "10"],
    "out/mlp-seed7.safetensors: ",
  ],
  [["orbit", trained, ...output, "--seed", "-1"], '--seed: expected a whole number from 0 .*, got "-1"'],
  [["orbit", trained, ...output, "--spread", "0.5"], '--spread: expected a number from 1 to 1000, got "0.5"'],
  [["orbit", trained, ...output, "--probes", "0"], '--probes: expected a whole number from 1 to 4096, got "0"'],
  [["orbit", trained, ...output, "--tolerance", "0"], '--tolerance: expected a number above 0, got "0"'],
  [
    ["orbit", trained, ...output, "--data", "toy"],
    "mlp: expected samples of 1 x 8 x 8, got toy with 2; name the data set",
  ],
  [
    ["certify", trained, "external.onnx"],
    "external.onnx: expected the network of out/mlp-seed7.safetensors, got another",
  ],
  [["hash", "nan.safetensors"], 'nan.safetensors, tensor "layers.0.bias": expected numbers, got NaN'],
  [
    ["canonicalize", "nan.safetensors", ...output],
    'nan.safetensors, tensor "layers.0.bias": expected numbers, got NaN',
  ],
  [["certify", trained, "nan.safetensors"], 'nan.safetensors, tensor "layers.0.bias": expected numbers, got NaN'],
  [["hash", "infinite.safetensors"], "infinite.safetensors: expected finite weights, got an infinite one"],
  [
    ["canonicalize", exported("two-tracing-17"), "-o", "new.onnx"],
    ".*two-tracing-17.onnx: expected one input .* got 2",
  ],
  [["orbit", exported("gru-tracing-11"), "-o", "new.onnx"], ".*expected an operator that can be imported, got .GRU."],
];

function exported(name: string): string {
  return torchFile(name).replace(/torch\/([^/]*)$/, "architectures/$1");
}

describe("wrong input is told in one line, and as a document with --json", () => {
  beforeAll(async () => {
    await writeModels(folder.path);
    const { tensors, metadata } = await readSafetensors(join(folder.path, trained));
    for (const [name, value] of [
      ["nan", Number.NaN],
      ["infinite", Number.POSITIVE_INFINITY],
    ] as const) {
      const bias = fromNumbers(
        "float32",
        Array.from({ length: 12 }, (_, i) => (i === 5 ? value : 1)),
      );
      writeSafetensors(join(folder.path, `${name}.safetensors`), { ...tensors, "layers.0.bias": bias }, metadata);
    }
  });

  it.concurrent.each(cases.map(([words, message]) => [words.join(" "), words, message] as const))(
    "%s",
    async (_, words, message) => {
      const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
      expect(stderr).toMatch(new RegExp(`^orbifold: ${message}.*\n$`));
      expect(status).toBe(2);
      const { error } = JSON.parse(stdout);
      expect(error.code).toMatch(/^[a-z-]+$/);
      expect(stderr).toContain(error.message);
    },
  );

  it("and leaves nothing behind", () => {
    expect(contentsOf(folder.path).filter((name) => /^(new|no|merged)\b|tmp$/.test(name))).toEqual([]);
  });

  it("an infinite weight fails the certificate", async () => {
    const { status, stdout } = await orbifold(
      folder.path,
      "canonicalize",
      "infinite.safetensors",
      "-o",
      "inf.safetensors",
    );
    expect(status).toBe(1);
    expect(stdout).toContain("NOT the same function: an output is not a finite number");
  });
});
