import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { descriptionKey, encodeModelFile, mlp } from "../../src/nets/index.ts";
import { initializeParameters } from "../../src/nets/network.ts";
import { rngKey } from "../../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

function write(name: string, bytes: Uint8Array | string): void {
  writeFileSync(join(folder.path, name), bytes);
}

/** Folders in which a file is in the way. */
const occupied = {
  taken: "mlp-seed0.safetensors",
  "taken-too": "mlp-seed0.safetensors",
  unfinished: "mlp-state.safetensors",
  foreign: "mlp-state.safetensors",
};

/** A safetensors file without tensors that says it is for this network. */
function describing(description: string): Uint8Array {
  const header = JSON.stringify({ __metadata__: { [descriptionKey]: description } });
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([size, Buffer.from(header)]);
}

beforeAll(() => {
  const network = mlp({ input: [1, 8, 8], widths: [4], outputs: 10 });
  const model = Buffer.concat(encodeModelFile(network, initializeParameters(network, rngKey(0))));
  write("model.safetensors", model);
  write("cut-header.safetensors", model.subarray(0, 100));
  write("cut-data.safetensors", model.subarray(0, model.length - 7));
  write("eight.safetensors", model.subarray(0, 8));
  write("text.safetensors", "this is not a checkpoint\n".repeat(10));
  write("empty.safetensors", "");
  write("pointer.pt", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
  write("text.onnx", "this is not a graph\n".repeat(10));
  write("undescribed.safetensors", describing("null"));
  write("future.safetensors", describing('{"net":"mlp","input":[4],"widths":[0],"outputs":2}'));
  for (const [name, file] of Object.entries(occupied)) {
    mkdirSync(join(folder.path, name));
    write(join(name, file), model);
  }
});

const train = (...words: readonly string[]) => ["train", "mlp", "--data", "digits", "-o", "new/folder", ...words];
const evaluate = (file: string, ...words: readonly string[]) => ["evaluate", file, "--data", "digits", ...words];

/** Cases that go as far as making the folder have one of their own, because they run side by side. */
const cases: readonly (readonly [words: readonly string[], message: string])[] = [
  [["trai"], 'expected a command, got "trai"; did you mean train?'],
  [["xyzzy"], 'expected a command, got "xyzzy"; see orbifold --help'],
  [["help", "xyzzy"], 'expected a command, got "xyzzy"; see orbifold --help'],
  [["constructor"], 'expected a command, got "constructor"'],
  [["-q"], 'expected a command, got "-q"'],
  [["train"], "train: expected 1 argument, got none; usage: orbifold train <net>"],
  [["train", "mlp", "lenet"], 'train: expected 1 argument, got "mlp" "lenet"; usage'],
  [["tour", "now"], 'tour: expected no arguments, got "now"'],
  [["train", "mlp", "--data", "digits"], "--out: is needed; name a folder with -o"],
  [["train", "mlp", "--data", "digits", "-o", ""], "--out: is needed; name a folder with -o"],
  [["train", "mlp", "--data", "digits", "-o"], "train: expected a value after --out, got none"],
  [["train", "mlp", "--data", "digits", "-o", "--force"], "train: expected a value after -o, got none"],
  [["train", "mlp", "-o", "new"], "--data: is needed; name one of digits, mnist"],
  [["train", "mpl2", "--data", "digits", "-o", "new"], 'train: expected one of mlp, lenet, .*, got "mpl2"'],
  [["train", "resnet", "--data", "digits", "-o", "new"], "train: expected one of .*; did you mean resnet18\\?"],
  [["train", "gpt2", "--data", "digits", "-o", "new"], "gpt2: expected a network of real inputs for digits"],
  [["train", "llama", "--data", "digits", "-o", "new"], "llama: expected a network of real inputs for digits"],
  [["train", "lenet", "--data", "digits", "-o", "new"], "lenet: expected images of at least 16x16, got 8x8"],
  [
    ["train", "vgg16", "--data", "toy", "-o", "new"],
    "vgg16 input: expected \\[channels, height, width\\], got \\[2\\]",
  ],
  [["train", "mlp", "--data", "digts", "-o", "new"], 'data: expected one of .*, got "digts"; did you mean digits?'],
  [train("--epoch", "3"), "train: expected an option of train, got --epoch; did you mean --epochs?"],
  [train("--xyzzy"), "train: expected an option of train, got --xyzzy; see orbifold train --help"],
  [train("-x"), "train: expected an option of train, got -x"],
  [train("--force=yes"), "train: expected --force without a value"],
  [train("--widths", "0"), '--widths: expected a whole number from 1, got "0"'],
  [train("--widths", "-3"), '--widths: expected a whole number from 1, got "-3"'],
  [train("--widths=-3"), '--widths: expected a whole number from 1, got "-3"'],
  [train("--widths", "a,b"), '--widths: expected a whole number from 1, got "a"'],
  [train("--widths", "1.5"), '--widths: expected a whole number from 1, got "1.5"'],
  [train("--widths", "8,"), '--widths: expected a whole number from 1, got ""'],
  [train("--epochs", "0"), '--epochs: expected a whole number from 1, got "0"'],
  [train("--epochs", "ten"), '--epochs: expected a whole number from 1, got "ten"'],
  [train("--batch", "1.5"), '--batch: expected a whole number from 1, got "1.5"'],
  [train("--count", "0"), '--count: expected a whole number from 1 to 100000, got "0"'],
  [train("--seed", "-1"), '--seed: expected a whole number from 0 .*, got "-1"'],
  [train("--seed", "9007199254740992"), '--seed: expected a whole number from 0 to .*, got "9007199254740992"'],
  [train("--samples", "1438"), "samples: expected a whole number from 1 to 1437, got 1438"],
  [train("--lr", "0"), '--lr: expected a number above 0, got "0"'],
  [train("--lr", "-0.1"), '--lr: expected a number above 0, got "-0.1"'],
  [train("--lr", "1e999"), '--lr: expected a number above 0, got "1e999"'],
  [train("--lr", ""), '--lr: expected a number above 0, got ""'],
  [train("--momentum", "1"), '--momentum: expected a number from 0 to below 1, got "1"'],
  [train("--sampler", "adam", "--momentum", "0.5"), "--momentum: expected --sampler sgd beside it, got adam"],
  [train("--sampler", "adan"), '--sampler: expected one of sgd, adam, adamw, got "adan"; did you mean adam?'],
  [train("--schedule", "linear"), '--schedule: expected one of cosine, step, constant, got "linear"'],
  [train("--warmup", "-1"), '--warmup: expected a whole number from 0, got "-1"'],
  [train("--stop-error", "2"), '--stop-error: expected a number from 0 to 1, got "2"'],
  [
    ["train", "mlp", "--data", "toy", "-o", "fresh-two", "--stop-error", "0.1"],
    "stopAt: expected a loss, got an error",
  ],
  [train("--activation", "swish"), 'mlp activation: expected one of relu, .*, got "swish"'],
  [train("--initializer", "xavier"), 'mlp initializer: expected one of he, .*, got "xavier"'],
  [train("--patch", "2"), 'mlp: expected options among input, .*, got "patch"'],
  [
    ["train", "mlp", "--data", "digits", "-o", "fresh-three", "--threads", "0"],
    '--threads: expected a whole number from 1 to 1024, got "0"',
  ],
  [train("--engine", "gpu"), '--engine: expected one of cpu, webgpu, reference, got "gpu"'],
  [
    ["train", "mlp", "--data", "digits", "-o", "fresh/one", "--resume"],
    "fresh/one/mlp-state.safetensors: expected the state of an interrupted run, got no such file",
  ],
  [["train", "mlp", "--data", "digits", "-o", "model.safetensors"], "model.safetensors: expected a folder, got a file"],
  [
    ["train", "mlp", "--data", "digits", "-o", "model.safetensors/x"],
    "model.safetensors/x: part of its path is a file",
  ],
  [["train", "mlp", "--data", "digits", "-o", "taken"], "taken/mlp-seed0.safetensors: already exists; pass --force"],
  [
    ["train", "mlp", "--data", "digits", "-o", "taken-too", "--count", "2"],
    "taken-too/mlp-seed0.safetensors: already exists; pass --force",
  ],
  [
    ["train", "mlp", "--data", "digits", "-o", "unfinished"],
    "unfinished/mlp-state.safetensors: holds an unfinished run; pass --resume to go on with it",
  ],
  [
    ["train", "mlp", "--data", "digits", "-o", "foreign", "--resume"],
    "foreign/mlp-state.safetensors: expected the state of a training run, got a file without one",
  ],
  [["evaluate"], "evaluate: expected 1 argument, got none"],
  [["evaluate", "model.safetensors"], "--data: is needed"],
  [evaluate("nowhere.safetensors"), "nowhere.safetensors: no such file; check the path"],
  [evaluate("."), "\\.: expected a file, or a folder of one checkpoint, got a folder of \\d+ \\*\\.safetensors; name"],
  [evaluate("pointer.pt"), "pointer.pt: expected a checkpoint .*, got the pointer that Git LFS leaves"],
  [evaluate("cut-header.safetensors"), "cut-header.safetensors: "],
  [evaluate("cut-data.safetensors"), "cut-data.safetensors, tensor .*: "],
  [evaluate("eight.safetensors"), "eight.safetensors: "],
  [evaluate("text.safetensors"), "text.safetensors: "],
  [evaluate("empty.safetensors"), "empty.safetensors: "],
  [evaluate("undescribed.safetensors"), 'undescribed.safetensors: expected a network\'s description under .*"null"'],
  [evaluate("future.safetensors"), "future.safetensors, network's mlp widths: expected a list .*; name the network"],
  [evaluate("model.safetensors", "--split", "tests"), '--split: .*, got "tests"; did you mean test\\?'],
  [evaluate("model.safetensors", "--samples", "361"), "samples: expected a whole number from 1 to 360, got 361"],
  [evaluate("model.safetensors", "--widths", "4"), "--widths: expected --net beside it, got none"],
  [
    evaluate("model.safetensors", "--net", "mlp", "--widths", "5"),
    'model.safetensors: .* tensors of mlp, .*"layers.0.weight" is stored \\[4, 64\\], the graph wants \\[5, 64\\]',
  ],
  [["evaluate", "model.safetensors", "--data", "toy"], "mlp: expected samples of 1 x 8 x 8, got toy with 2"],
  [["info"], "info: expected 1 argument, got none"],
  [["info", "nowhere.onnx"], "nowhere.onnx: no such file"],
  [["info", "text.onnx"], "text.onnx: "],
  [["info", "cut-header.safetensors"], "cut-header.safetensors: "],
  [["info", "future.safetensors"], "future.safetensors, network's mlp widths: "],
  [["data", "mnist", "--data-dir", "nowhere"], 'data folder: expected a folder, got ".*nowhere"'],
  [["data", "cifar"], "data: expected .*; did you mean cifar10\\?"],
];

describe("wrong input is told in one line", () => {
  it.concurrent.each(cases.map(([words, message]) => [words.join(" "), words, message] as const))(
    "%s",
    async (_, words, message) => {
      const { status, stdout, stderr } = await orbifold(folder.path, ...words);
      expect(stderr).toMatch(new RegExp(`^orbifold: ${message.replaceAll(/\?$/g, "\\?")}.*\n$`));
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    },
  );
});

describe("with --json wrong input is told as a document, too", () => {
  it.concurrent.each(cases.filter((_, i) => i % 6 === 0).map(([words]) => [words.join(" "), words] as const))(
    "%s",
    async (_, words) => {
      const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
      const { error } = JSON.parse(stdout);
      expect(status).toBe(2);
      expect(Object.keys(error).filter((key) => !["code", "message", "where", "remedy"].includes(key))).toEqual([]);
      expect(error.code).toMatch(/^[a-z-]+$/);
      expect(stderr).toContain(error.message);
      expect(stderr.trim().split("\n").length).toBe(1);
    },
  );
});

it("leaves everything as it was", () => {
  const files = Object.entries(occupied).map(([name, file]) => join(name, file));
  const others = contentsOf(folder.path).filter((name) => !/^[\w-]+\.(safetensors|onnx|pt)$/.test(name));
  expect(others).toEqual([...Object.keys(occupied), ...files].sort());
  const model = readFileSync(join(folder.path, "model.safetensors"));
  for (const copy of files) expect(readFileSync(join(folder.path, copy)).equals(model)).toBe(true);
});
