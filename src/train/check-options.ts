import type { Dataset } from "../data/index.ts";
import { check } from "../errors.ts";
import type { Network } from "../nets/index.ts";
import { checkFit, checkSplit } from "./fit.ts";
import { checkOptimizer } from "./optimizers.ts";
import type { TrainOptions } from "./options.ts";
import { checkSchedule } from "./schedules.ts";

/** Throws an InputError unless a network can be trained on a data set with these options. */
export function checkOptions(network: Network, dataset: Dataset, options: TrainOptions): void {
  checkOptimizer(options.optimizer);
  checkSchedule(options.schedule ?? { kind: "constant" });
  const { epochs, batchSize, keys, stepsPerRun = 1 } = options;
  const counts = { epochs, "batch size": batchSize, "number of networks": keys.length, "steps per run": stepsPerRun };
  for (const [name, value] of Object.entries(counts)) {
    check(Number.isInteger(value) && value >= 1, () => ({
      code: "bad-option",
      where: name,
      message: `expected a whole number of at least 1, got ${value}`,
    }));
  }
  checkFit(network, dataset);
  checkSplit("train", dataset, dataset.train);
  check(options.stopAt?.error === undefined || dataset.task === "classification", () => ({
    code: "bad-option",
    where: "stopAt",
    message: `expected a loss, got an error, which a regression such as ${dataset.name} does not have`,
    remedy: "stop at a loss",
  }));
}
