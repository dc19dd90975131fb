import type { Dataset } from "../data/index.ts";
import { check } from "../errors.ts";
import type { Model } from "../nets/index.ts";
import { openModel } from "../node/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { networkFor, networkOptions } from "./network-options.ts";
import { textOf } from "./values.ts";

/** Options that say which network a file of weights is for. */
export const modelOptions: Readonly<Record<string, OptionSpec>> = {
  net: { value: "NAME", help: "the built-in network that the weights are for, where the file does not say" },
  ...networkOptions,
};

/** The network and weights in a file. */
export async function modelOf(path: string, call: Call, dataset: Dataset): Promise<Model> {
  const name = textOf(call, "net");
  const stray = name === undefined ? Object.keys(networkOptions).find((option) => call.options[option]) : undefined;
  check(stray === undefined, () => ({
    code: "usage",
    where: `--${stray}`,
    message: "expected --net beside it, got none",
    remedy: "a file that says which network it is for needs neither",
  }));
  return openModel(path, name === undefined ? null : networkFor(name, call, dataset));
}
