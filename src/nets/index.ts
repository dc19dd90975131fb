export { type Activation, activate, activationNames } from "./activations.ts";
export { type Definition, defineNetwork, type Scope } from "./define.ts";
export { type Gpt2Options, gpt2 } from "./gpt2.ts";
export {
  type Fans,
  fans,
  type Initializer,
  type InitializerName,
  initialize,
  initializerNames,
} from "./initializers.ts";
export { type KnownNetwork, networkOf, type RecognisedNetwork, recognisedNetwork } from "./known-layouts.ts";
export {
  batchNorm,
  type ConvolutionOptions,
  convolution,
  type LayerOptions,
  layerNorm,
  linear,
  rmsNorm,
} from "./layers.ts";
export type { LayoutOptions } from "./layouts/layout.ts";
export { type LenetOptions, lenet } from "./lenet.ts";
export { type LlamaOptions, llama } from "./llama.ts";
export { type MlpOptions, mlp } from "./mlp.ts";
export {
  type ApplyOptions,
  type Forward,
  initializeParameters,
  type Network,
  type NetworkDescription,
  type ParameterSpec,
  type Parameters,
  parameterCount,
} from "./network.ts";
export { networkFromOnnx } from "./onnx-network.ts";
export type { ImageOptions } from "./options.ts";
export { compare, mismatch, type Pairing, pair, type StoredTensors } from "./pairing.ts";
export { networkFrom, networkNames } from "./registry.ts";
export { type ResnetOptions, resnet18, resnet20, resnet34, resnet50, resnet101, resnet152 } from "./resnet.ts";
export { describedNetwork, descriptionKey, encodeModelFile, type Model, readParameters } from "./saved-network.ts";
export { type VggOptions, vgg11, vgg13, vgg16, vgg19 } from "./vgg.ts";
export { type VitOptions, vit } from "./vit.ts";
