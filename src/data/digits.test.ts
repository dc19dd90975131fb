import { existsSync, readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { digitsDataset } from "./digits.ts";

const csv = new URL("../../../shared/data/digits/digits.csv.gz", import.meta.url);

describe("digitsDataset", () => {
  test("has 1437 digits to train and 360 to test, of every class", async () => {
    const { train, test: held, ...dataset } = await digitsDataset();
    expect(dataset).toMatchObject({ name: "digits", task: "classification", classes: 10, sampleShape: [1, 8, 8] });
    expect(train.inputs).toMatchObject({ dtype: "uint8", shape: [1437, 1, 8, 8] });
    expect(held.inputs).toMatchObject({ dtype: "uint8", shape: [360, 1, 8, 8] });
    const counts = new Array<number>(10).fill(0);
    for (const label of [...train.targets.data, ...held.targets.data]) (counts[Number(label)] as number)++;
    // As scikit-learn documents load_digits.
    expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
  });

  test("is normalised by the train split", async () => {
    const { train, normalization } = await digitsDataset();
    const pixels = Array.from(train.inputs.data, Number);
    const mean = pixels.reduce((sum, pixel) => sum + pixel, 0) / pixels.length;
    const variance = pixels.reduce((sum, pixel) => sum + (pixel - mean) ** 2, 0) / pixels.length;
    expect(normalization.mean[0]).toBeCloseTo(mean, 10);
    expect(normalization.deviation[0]).toBeCloseTo(Math.sqrt(variance), 10);
  });

  test.skipIf(!existsSync(csv))("is the published table, row for row (needs ../shared/data/digits)", async () => {
    const { train, test: held } = await digitsDataset();
    const rows = gunzipSync(readFileSync(csv)).toString().trim().split("\n");
    const table = rows.map((row) => row.split(",").map(Number));
    const pixels = [...train.inputs.data, ...held.inputs.data];
    expect(pixels).toEqual(table.flatMap((row) => row.slice(0, 64)));
    expect([...train.targets.data, ...held.targets.data]).toEqual(table.map((row) => row[64]));
  });
});
