export { type WriteOptions, writeFileAtomically } from "./atomic-file.ts";
export { cacheFolder } from "./cache-folder.ts";
export { closestName } from "./closest-name.ts";
export type { DatasetOptions } from "./dataset-files.ts";
export { type DatasetName, datasetNames, type LoadedDataset, loadDataset } from "./datasets.ts";
export { type DownloadOptions, type DownloadProgress, download } from "./download.ts";
export { fileSource } from "./file-source.ts";
export { lockFolder } from "./lock-folder.ts";
