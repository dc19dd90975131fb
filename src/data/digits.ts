import { type Tensor, tensor } from "../tensor/index.ts";
import type { Dataset, Split } from "./dataset.ts";
import { digitsBytes } from "./digits-bytes.ts";
import { gunzip } from "./gzip.ts";
import { classLabels } from "./labels.ts";
import { pixelNormalization } from "./normalization.ts";

const classes = 10;
const samples = 1797;
const trainSamples = 1437;
const sampleShape = [1, 8, 8] as const;
const pixelBytes = 64;
const recordBytes = pixelBytes + 1;

/**
 * The 1797 handwritten digits of scikit-learn (8x8 pixels in 0..16), which are the test set of UCI's "Optical Recognition
 * of Handwritten Digits". As stored there: the first 1437 are for training, the last 360 for testing.
 */
export async function digitsDataset(): Promise<Dataset> {
  const compressed = Uint8Array.from(atob(digitsBytes), (character) => character.charCodeAt(0));
  const records = await gunzip(compressed, samples * recordBytes, "digits");
  const train = readSplit(records.subarray(0, trainSamples * recordBytes));
  const test = readSplit(records.subarray(trainSamples * recordBytes));
  const normalization = pixelNormalization(train.inputs);
  return { name: "digits", task: "classification", classes, sampleShape, normalization, train, test };
}

function readSplit(records: Uint8Array): Split & { readonly inputs: Tensor<"uint8"> } {
  const count = records.length / recordBytes;
  const pixels = new Uint8Array(count * pixelBytes);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    const start = i * recordBytes;
    pixels.set(records.subarray(start, start + pixelBytes), i * pixelBytes);
    labels[i] = records[start + pixelBytes] as number;
  }
  return {
    inputs: tensor("uint8", [count, ...sampleShape], pixels),
    targets: classLabels(labels, classes, "digits"),
  };
}
