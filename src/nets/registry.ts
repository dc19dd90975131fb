import { check } from "../errors.ts";
import { type Gpt2Options, gpt2 } from "./gpt2.ts";
import { type LenetOptions, lenet } from "./lenet.ts";
import { type LlamaOptions, llama } from "./llama.ts";
import { type MlpOptions, mlp } from "./mlp.ts";
import type { Network, NetworkDescription } from "./network.ts";
import { type ResnetOptions, resnet18, resnet20, resnet34, resnet50, resnet101, resnet152 } from "./resnet.ts";
import { type VggOptions, vgg11, vgg13, vgg16, vgg19 } from "./vgg.ts";
import { type VitOptions, vit } from "./vit.ts";

type AnyOptions = MlpOptions & LenetOptions & VggOptions & ResnetOptions & VitOptions & Gpt2Options & LlamaOptions;

const builders: Readonly<Record<string, (options: AnyOptions) => Network>> = {
  mlp,
  lenet,
  vgg11: (options) => vgg11({ ...options, batchNorm: false }),
  "vgg11-bn": (options) => vgg11({ ...options, batchNorm: true }),
  vgg13: (options) => vgg13({ ...options, batchNorm: false }),
  "vgg13-bn": (options) => vgg13({ ...options, batchNorm: true }),
  vgg16: (options) => vgg16({ ...options, batchNorm: false }),
  "vgg16-bn": (options) => vgg16({ ...options, batchNorm: true }),
  vgg19: (options) => vgg19({ ...options, batchNorm: false }),
  "vgg19-bn": (options) => vgg19({ ...options, batchNorm: true }),
  resnet18,
  resnet20,
  resnet34,
  resnet50,
  resnet101,
  resnet152,
  vit,
  gpt2,
  llama,
};

/** What `net` may be in a description. */
export const networkNames: readonly string[] = Object.keys(builders);

/**
 * Builds the network that a description names, with the same parameters and the same graph. Options that are left out
 * take their defaults.
 */
export function networkFrom(description: NetworkDescription): Network {
  const { net } = description;
  check(networkNames.includes(net), () => ({
    code: "unknown-net",
    where: "net",
    message: `expected one of ${networkNames.join(", ")}, got ${JSON.stringify(net)}`,
  }));
  const build = builders[net] as (options: AnyOptions) => Network;
  // Each builder checks every option that it reads.
  const network = build(description as unknown as AnyOptions);
  checkOptions(description, network.description);
  return network;
}

/** Throws on an option that the network does not have: a complete description names all of them. */
function checkOptions(given: NetworkDescription, complete: NetworkDescription): void {
  const stranger = Object.keys(given).find((option) => !Object.hasOwn(complete, option));
  const known = Object.keys(complete).filter((option) => option !== "net");
  check(stranger === undefined, () => ({
    code: "unknown-option",
    where: given.net,
    message: `expected options among ${known.join(", ")}, got ${JSON.stringify(stranger)}`,
  }));
}
