import { check } from "../errors.ts";
import { type Tensor, tensor } from "../tensor/index.ts";
import type { Dataset, FileBytes, Split } from "./dataset.ts";
import { classLabels } from "./labels.ts";
import { pixelNormalization } from "./normalization.ts";

const classes = 10;
const sampleShape = [3, 32, 32] as const;
const pixelBytes = 3 * 32 * 32;
const recordBytes = 1 + pixelBytes;

/** CIFAR-10 from the files of its binary version. */
export function cifar10Dataset(files: { readonly train: readonly FileBytes[]; readonly test: FileBytes }): Dataset {
  const train = decodeCifar10(files.train);
  const test = decodeCifar10([files.test]);
  const normalization = pixelNormalization(train.inputs);
  return { name: "cifar10", task: "classification", classes, sampleShape, normalization, train, test };
}

/** Images uint8 [N, 3, 32, 32] and labels of records of 3073 bytes (label, red, green, blue), file after file. */
export function decodeCifar10(files: readonly FileBytes[]): Split & { readonly inputs: Tensor<"uint8"> } {
  for (const file of files) checkLength(file);
  const samples = files.reduce((count, { bytes }) => count + bytes.length / recordBytes, 0);
  const pixels = new Uint8Array(samples * pixelBytes);
  const labels = new Int32Array(samples);
  let at = 0;
  for (const file of files) {
    const { data } = classLabels(copyRecords(file.bytes, pixels.subarray(at * pixelBytes)), classes, file.where);
    labels.set(data, at);
    at += data.length;
  }
  return {
    inputs: tensor("uint8", [samples, ...sampleShape], pixels),
    targets: tensor("int32", [samples], labels),
  };
}

function checkLength({ bytes, where }: FileBytes): void {
  check(bytes.length > 0 && bytes.length % recordBytes === 0, () => ({
    code: "cifar-length",
    where,
    message: `expected a multiple of ${recordBytes} bytes, got ${bytes.length}`,
    remedy: "pass the files of the binary version of CIFAR-10, complete and decompressed",
  }));
}

/** Copies the images into `pixels` and returns the labels. */
function copyRecords(bytes: Uint8Array, pixels: Uint8Array): Uint8Array {
  const labels = new Uint8Array(bytes.length / recordBytes);
  for (let i = 0; i < labels.length; i++) {
    const start = i * recordBytes;
    labels[i] = bytes[start] as number;
    pixels.set(bytes.subarray(start + 1, start + recordBytes), i * pixelBytes);
  }
  return labels;
}
