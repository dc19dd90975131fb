import { check } from "../errors.ts";
import { formatShape, reshape, sameShape, type Tensor } from "../tensor/index.ts";
import type { Dataset, FileBytes, Split } from "./dataset.ts";
import { decodeIdx } from "./idx.ts";
import { classLabels } from "./labels.ts";
import { pixelNormalization } from "./normalization.ts";

const classes = 10;

/** The four IDX files of MNIST and of the sets that imitate it, decompressed. */
export interface MnistFiles {
  readonly trainImages: FileBytes;
  readonly trainLabels: FileBytes;
  readonly testImages: FileBytes;
  readonly testLabels: FileBytes;
}

/** MNIST, or a set in its format: grey images [1, height, width] in ten classes. */
export function mnistDataset(name: string, files: MnistFiles): Dataset {
  const train = decodeSplit(files.trainImages, files.trainLabels);
  const test = decodeSplit(files.testImages, files.testLabels);
  const sampleShape = train.inputs.shape.slice(1);
  const testShape = test.inputs.shape.slice(1);
  check(sameShape(sampleShape, testShape), () => ({
    code: "dataset-mismatch",
    where: files.testImages.where,
    message: `expected images of shape ${formatShape(sampleShape)} like those for training, got ${formatShape(testShape)}`,
  }));
  const normalization = pixelNormalization(train.inputs);
  return { name, task: "classification", classes, sampleShape, normalization, train, test };
}

function decodeSplit(images: FileBytes, labels: FileBytes): Split & { readonly inputs: Tensor<"uint8"> } {
  const pixels = decodeBytes(images, 3, "images [N, height, width]");
  const stored = decodeBytes(labels, 1, "labels [N]");
  const [samples = 0, height = 0, width = 0] = pixels.shape;
  const inputs = reshape(pixels, [samples, 1, height, width]);
  const targets = classLabels(stored.data, classes, labels.where);
  check(samples === stored.data.length, () => ({
    code: "dataset-mismatch",
    where: labels.where,
    message: `expected ${samples} labels, one for each image of ${images.where}, got ${stored.data.length}`,
    remedy: "use the two files of one set",
  }));
  return { inputs, targets };
}

function decodeBytes({ bytes, where }: FileBytes, rank: number, what: string): Tensor<"uint8"> {
  const decoded = decodeIdx(bytes, where);
  check(decoded.dtype === "uint8" && decoded.shape.length === rank && decoded.data.length > 0, () => ({
    code: "dataset-mismatch",
    where,
    message: `expected uint8 ${what}, not empty, got ${decoded.dtype} ${formatShape(decoded.shape)}`,
  }));
  return decoded as Tensor<"uint8">;
}
