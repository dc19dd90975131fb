import type { Dataset } from "../data/index.ts";
import { check } from "../errors.ts";
import { type Network, networkFrom } from "../nets/index.ts";
import type { Shape } from "../tensor/index.ts";
import { outputsFor } from "../train/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { numberOf, numbersOf, textOf } from "./values.ts";

const count = { least: 1, whole: true };

/** Options that shape a built-in network. */
export const networkOptions: Readonly<Record<string, OptionSpec>> = {
  widths: { value: "N,N", help: "mlp: sizes of the hidden layers (512,512)" },
  activation: { value: "NAME", help: "mlp: relu, tanh, sigmoid, softplus, gelu, ... (relu)" },
  initializer: { value: "NAME", help: "mlp, lenet: he, glorot or lecun" },
  "no-bias": { help: "mlp, lenet: layers without biases" },
  patch: { value: "N", help: "vit: side of a patch in pixels" },
  width: { value: "N", help: "vit: size of the residual stream; vgg, resnet: filters of the first stage" },
  depth: { value: "N", help: "vit: number of blocks" },
  heads: { value: "N", help: "vit: number of attention heads" },
};

/** The built-in network of this name, shaped by the options and by the data set. */
export function networkFor(name: string, call: Call, dataset: Dataset): Network {
  check(name !== "gpt2" && name !== "llama", () => ({
    code: "bad-fit",
    where: name,
    message: `expected a network of real inputs for ${dataset.name}, got one of tokens`,
    remedy: "choose another network",
  }));
  return shapedNetwork(name, call, { input: dataset.sampleShape, outputs: outputsFor(dataset) });
}

/** The built-in network of this name, shaped by the options; `shape` is what these do not say. */
export function shapedNetwork(
  name: string,
  call: Call,
  shape: { readonly input?: Shape | undefined; readonly outputs?: number | undefined },
): Network {
  const isMlp = name === "mlp";
  const options = {
    ...shape,
    widths: numbersOf(call, "widths", count) ?? (isMlp ? [512, 512] : undefined),
    activation: textOf(call, "activation"),
    initializer: textOf(call, "initializer"),
    bias: call.options["no-bias"] ? false : undefined,
    patch: numberOf(call, "patch", count),
    width: numberOf(call, "width", count),
    depth: numberOf(call, "depth", count),
    heads: numberOf(call, "heads", count),
  };
  const given = Object.entries(options).filter(([, value]) => value !== undefined);
  return networkFrom({ net: name, ...Object.fromEntries(given) });
}
