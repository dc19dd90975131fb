import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { datasetNames, loadDataset } from "./datasets.ts";

const sharedData = fileURLToPath(new URL("../../../shared/data", import.meta.url));

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orbifold-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function idx(shape: readonly number[], elements: readonly number[]): Buffer {
  return Buffer.from([0, 0, 8, shape.length, ...shape.flatMap((size) => [0, 0, 0, size]), ...elements]);
}

describe("loadDataset", () => {
  test.each(["digits", "toy"])("has %s without files or network", async (name) => {
    const { dataset, path } = await loadDataset(name, { offline: true, cacheDir: folder });
    expect(dataset.name).toBe(name);
    expect(path).toBe("embedded");
  });

  test("reads a set in MNIST's format, plain and compressed", async () => {
    writeFileSync(join(folder, "train-images-idx3-ubyte"), idx([2, 1, 1], [1, 3]));
    writeFileSync(join(folder, "train-labels.idx1-ubyte"), idx([2], [4, 5]));
    writeFileSync(join(folder, "t10k-images.idx3-ubyte.gz"), gzipSync(idx([1, 1, 1], [9])));
    writeFileSync(join(folder, "t10k-labels-idx1-ubyte.gz"), gzipSync(idx([1], [7])));
    const { dataset, path } = await loadDataset("fashion-mnist", { dataDir: folder });
    expect(path).toBe(folder);
    expect(dataset).toMatchObject({ name: "fashion-mnist", normalization: { mean: [2], deviation: [1] } });
    expect(dataset.test.targets.data).toEqual(Int32Array.of(7));
  });

  test("reads CIFAR-10 from its usual folder, batches in order", async () => {
    const batches = join(folder, "cifar-10-batches-bin");
    mkdirSync(batches);
    const names = [...[1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}`), "test_batch"];
    for (const [i, name] of names.entries()) {
      writeFileSync(join(batches, `${name}.bin`), Buffer.alloc(3073, 40 * i).fill(i, 0, 1));
    }
    const { dataset, path } = await loadDataset("cifar10", { dataDir: folder });
    expect(path).toBe(batches);
    expect(dataset.train.targets.data).toEqual(Int32Array.of(0, 1, 2, 3, 4));
    expect(dataset.test.targets.data).toEqual(Int32Array.of(5));
    expect(dataset.normalization.mean).toEqual([80, 80, 80]);
  });

  test("names a damaged file", async () => {
    for (const name of ["train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"]) {
      writeFileSync(join(folder, `${name}-ubyte.gz`), "not gzip");
    }
    await expect(loadDataset("mnist", { dataDir: folder })).rejects.toThrow(
      /-ubyte\.gz: expected one whole gzip stream/,
    );
  });

  test.each(["imagenet", "path.npz", "", "toString"])("refuses %j and lists what it knows", async (name) => {
    await expect(loadDataset(name)).rejects.toThrow(`data: expected one of ${datasetNames.join(", ")}, got "${name}"`);
  });

  test("guesses what was meant", async () => {
    await expect(loadDataset("fashion")).rejects.toThrow(/; did you mean fashion-mnist\?$/);
  });

  test.skipIf(!existsSync(sharedData))("reads MNIST from a folder of data (needs ../shared/data)", async () => {
    const { dataset, path } = await loadDataset("mnist", { dataDir: sharedData });
    expect(path).toBe(join(sharedData, "mnist"));
    expect(dataset.train.inputs.shape).toEqual([60000, 1, 28, 28]);
    expect(dataset.test.inputs.shape).toEqual([10000, 1, 28, 28]);
  });
});
