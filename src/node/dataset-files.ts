import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { check, InputError } from "../errors.ts";
import { cacheFolder } from "./cache-folder.ts";
import type { DatasetSource, RemoteFile } from "./dataset-sources.ts";
import { type DownloadProgress, download } from "./download.ts";
import { unpackFiles } from "./tar.ts";

export interface DatasetOptions {
  /** Where the user keeps data; looked in first, never written to. */
  readonly dataDir?: string | undefined;
  /** Where downloads are kept; `cacheFolder()` by default. */
  readonly cacheDir?: string | undefined;
  /** Never use the network. */
  readonly offline?: boolean | undefined;
  /** Address of a folder that holds the same downloads as the public mirror. */
  readonly mirror?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
}

/** Where the files of a set lie, in the order of `DatasetSource.files`. */
export interface LocatedFiles {
  readonly folder: string;
  readonly paths: readonly string[];
}

/** Finds the files in the user's folder or in the cache, or downloads them into the cache. */
export async function locateFiles(source: DatasetSource, options: DatasetOptions): Promise<LocatedFiles> {
  const { dataDir, cacheDir = cacheFolder() } = options;
  const given = dataDir === undefined ? null : await findInDataFolder(source, dataDir);
  if (given) return given;
  const folder = join(cacheDir, source.name);
  const cached = await findFiles(source, folder);
  if (isComplete(cached)) return { folder, paths: cached };
  await fetchInto(folder, source, options);
  const fetched = await findFiles(source, folder);
  check(isComplete(fetched), () => ({ code: "internal", message: `internal: ${source.name} is not in ${folder}` }));
  return { folder, paths: fetched };
}

async function findInDataFolder(source: DatasetSource, dataDir: string): Promise<LocatedFiles | null> {
  const isFolder = await stat(dataDir).then(
    (found) => found.isDirectory(),
    () => false,
  );
  check(isFolder, () => ({ code: "no-folder", where: "data folder", message: `expected a folder, got "${dataDir}"` }));
  for (const below of source.folders) {
    const folder = join(dataDir, below);
    const paths = await findFiles(source, folder);
    if (isComplete(paths)) return { folder, paths };
    const missing = source.files.filter((_, i) => paths[i] === undefined);
    check(missing.length === source.files.length, () => ({
      code: "dataset-incomplete",
      where: folder,
      message: `expected the ${source.files.length} files of ${source.name}, got none named ${missing.join(", ")}`,
      remedy: "add what is missing, plain or as .gz",
    }));
  }
  return null;
}

async function findFiles({ files }: DatasetSource, folder: string): Promise<(string | undefined)[]> {
  const present = new Set(await readdir(folder).catch(() => []));
  return files.map((file) => {
    const found = spellings(file).find((name) => present.has(name));
    return found && join(folder, found);
  });
}

/** Some copies of the IDX files are called `train-images.idx3-ubyte`. */
function spellings(file: string): string[] {
  return [file, file.replace("-idx", ".idx")].flatMap((name) => [name, `${name}.gz`]);
}

function isComplete(paths: readonly (string | undefined)[]): paths is readonly string[] {
  return paths.every((path) => path !== undefined);
}

async function fetchInto(folder: string, source: DatasetSource, options: DatasetOptions): Promise<void> {
  if (options.offline) throw unavailable(source, `expected its files in ${folder}, got none, and the network is off`);
  try {
    for (const remote of source.downloads) await fetchFile(remote, folder, { source, options });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw unavailable(
      source,
      `it is not in ${folder}, and could not be downloaded: ${error.where}: ${error.detail}`,
      error,
    );
  }
}

interface Fetching {
  readonly source: DatasetSource;
  readonly options: DatasetOptions;
}

async function fetchFile(remote: RemoteFile, folder: string, { source, options }: Fetching): Promise<void> {
  const { mirror = source.mirror, signal, onProgress } = options;
  const destination = join(folder, remote.name);
  const isThere = await stat(destination).then(
    () => true,
    () => false,
  );
  const { size, sha256 } = remote;
  if (!isThere) {
    await download(mirror.replace(/\/*$/, `/${remote.name}`), destination, { size, sha256, signal, onProgress });
  }
  if (!remote.name.endsWith(".tar.gz")) return;
  await unpackFiles(destination, source.files, folder);
  await rm(destination, { force: true });
}

function unavailable(source: DatasetSource, message: string, cause?: InputError): InputError {
  return new InputError({
    code: "dataset-unavailable",
    where: source.name,
    message,
    remedy: `pass --data-dir with the folder that holds ${source.files.join(", ")}`,
    cause,
  });
}
