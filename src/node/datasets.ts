import { readFile } from "node:fs/promises";
import { closestName } from "../closest-name.ts";
import {
  cifar10Dataset,
  type Dataset,
  digitsDataset,
  type FileBytes,
  gunzip,
  mnistDataset,
  teacherStudent,
} from "../data/index.ts";
import { InputError } from "../errors.ts";
import { type DatasetOptions, locateFiles } from "./dataset-files.ts";
import { cifar10Source, type DatasetSource, fashionMnistSource, mnistSource } from "./dataset-sources.ts";

/** Far above the 47 MB of MNIST's training images, far below what would exhaust memory. */
const decompressedLimitBytes = 2 ** 29;

/** A data set, and the folder it was read from or "embedded". */
export interface LoadedDataset {
  readonly dataset: Dataset;
  readonly path: string;
}

const loaders = {
  digits: async () => embedded(await digitsDataset()),
  mnist: (options) => loadFiles(mnistSource, options, (files) => assembleMnist("mnist", files)),
  "fashion-mnist": (options) =>
    loadFiles(fashionMnistSource, options, (files) => assembleMnist("fashion-mnist", files)),
  cifar10: (options) => loadFiles(cifar10Source, options, assembleCifar10),
  toy: async () => embedded(teacherStudent()),
} as const satisfies Record<string, (options: DatasetOptions) => Promise<LoadedDataset>>;

/** A data set that `loadDataset` knows. */
export type DatasetName = keyof typeof loaders;

/** Every data set that `loadDataset` knows. */
export const datasetNames = Object.keys(loaders) as readonly DatasetName[];

/** Loads a data set by name: from the user's folder, from the cache, or from a public mirror into the cache. */
export async function loadDataset(name: string, options: DatasetOptions = {}): Promise<LoadedDataset> {
  if (!isDatasetName(name)) throw unknownDataset(name);
  return loaders[name](options);
}

function isDatasetName(name: string): name is DatasetName {
  return Object.hasOwn(loaders, name);
}

function unknownDataset(name: string): InputError {
  const meant = closestName(name, datasetNames);
  return new InputError({
    code: "unknown-dataset",
    where: "data",
    message: `expected one of ${datasetNames.join(", ")}, got "${name}"`,
    ...(meant && { remedy: `did you mean ${meant}?` }),
  });
}

function embedded(dataset: Dataset): LoadedDataset {
  return { dataset, path: "embedded" };
}

async function loadFiles(
  source: DatasetSource,
  options: DatasetOptions,
  assemble: (files: FileBytes[]) => Dataset,
): Promise<LoadedDataset> {
  const { folder, paths } = await locateFiles(source, options);
  return { dataset: assemble(await Promise.all(paths.map(readDataFile))), path: folder };
}

async function readDataFile(path: string): Promise<FileBytes> {
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new InputError({
      code: "cannot-read",
      where: path,
      message: `expected a readable file, got ${cause.code}`,
      cause,
    });
  });
  return { where: path, bytes: path.endsWith(".gz") ? await gunzip(bytes, decompressedLimitBytes, path) : bytes };
}

function assembleMnist(name: string, files: readonly FileBytes[]): Dataset {
  const [trainImages, trainLabels, testImages, testLabels] = files as [FileBytes, FileBytes, FileBytes, FileBytes];
  return mnistDataset(name, { trainImages, trainLabels, testImages, testLabels });
}

function assembleCifar10(files: readonly FileBytes[]): Dataset {
  return cifar10Dataset({ train: files.slice(0, -1), test: files.at(-1) as FileBytes });
}
