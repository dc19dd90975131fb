import { type Dataset, type Split, takeSamples } from "../data/index.ts";
import { datasetNames, type LoadedDataset, loadDataset, progressBar } from "../node/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { choiceOf, numberOf, requiredText, textOf } from "./values.ts";

/** Options that say which data to use. */
export const dataOptions: Readonly<Record<string, OptionSpec>> = {
  data: { value: "SET", help: `${datasetNames.join(", ")}` },
  "data-dir": { value: "DIR", help: "where the set's files lie; otherwise a cache folder or a download" },
  samples: { value: "N", help: "use the first N samples only" },
};

/** Loads the data set that `--data` names. */
export async function datasetOf(call: Call): Promise<LoadedDataset> {
  const name = requiredText(call, "data", `name one of ${datasetNames.join(", ")}`);
  return loadNamed(name, call);
}

/** Loads a data set by name, with a progress bar for downloads. */
export async function loadNamed(name: string, call: Call): Promise<LoadedDataset> {
  using bar = progressBar({ quiet: call.quiet });
  return loadDataset(name, {
    dataDir: textOf(call, "data-dir"),
    onProgress: ({ url, received, size }) =>
      bar.update({ label: `fetching ${url.split("/").at(-1)}`, done: received, total: size, unit: "byte" }),
  });
}

/** The data set with its train split cut to `--samples`. */
export function withSamples(call: Call, dataset: Dataset): Dataset {
  const count = numberOf(call, "samples", { least: 1, whole: true });
  return count === undefined ? dataset : { ...dataset, train: takeSamples(dataset.train, count) };
}

/** The split that `--split` names, cut to `--samples`. */
export function splitOf(call: Call, dataset: Dataset): { readonly name: "train" | "test"; readonly split: Split } {
  const name = choiceOf(call, "split", ["train", "test"], "test");
  const count = numberOf(call, "samples", { least: 1, whole: true });
  return { name, split: count === undefined ? dataset[name] : takeSamples(dataset[name], count) };
}
