import { type Dataset, type Split, splitSize } from "../data/index.ts";
import { check } from "../errors.ts";
import type { Network } from "../nets/index.ts";
import { formatShape, sameShape } from "../tensor/index.ts";

/** The number of outputs that a network for this data set needs. */
export function outputsFor({ task, classes, train }: Dataset): number {
  return task === "classification" ? classes : (train.targets.shape[1] as number);
}

/** Throws an InputError unless the network takes the samples of the data set and answers in their terms. */
export function checkFit(network: Network, dataset: Dataset): void {
  const { name, sampleShape } = dataset;
  const where = network.description.net;
  const remedy = "use the data set that the network is for, or build a network for this one";
  const [expected, got] = [network.inputShape, sampleShape].map((shape) => shape.join(" x "));
  check(network.inputKind === "real" && expected === got, () => ({
    code: "bad-fit",
    where,
    message: `expected samples of ${network.inputKind === "tokens" ? "tokens" : expected}, got ${name} with ${got}`,
    remedy,
  }));
  check(network.outputs === outputsFor(dataset), () => ({
    code: "bad-fit",
    where,
    message: `expected a data set of ${network.outputs} outputs, got ${name} with ${outputsFor(dataset)}`,
    remedy,
  }));
}

/** Throws an InputError unless the split holds samples of the data set, and a target for each. */
export function checkSplit(where: string, { task, sampleShape }: Dataset, split: Split): void {
  const { inputs, targets } = split;
  const size = splitSize(split);
  const refuseUnless = (condition: boolean, expected: string, got: string) =>
    check(condition, () => ({ code: "bad-split", where, message: `expected ${expected}, got ${got}` }));
  const sampleText = sampleShape.join(", ");
  refuseUnless(sameShape(inputs.shape.slice(1), sampleShape), `inputs [N, ${sampleText}]`, formatShape(inputs.shape));
  refuseUnless(size >= 1, "at least one sample", "none");
  const isFitting = targets.shape[0] === size && targets.shape.length === (task === "classification" ? 1 : 2);
  const expected = task === "classification" ? `labels [${size}]` : `targets [${size}, outputs]`;
  refuseUnless(isFitting, expected, formatShape(targets.shape));
}
