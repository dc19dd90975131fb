import { InputError } from "../../errors.ts";
import type { StoredTensors } from "../pairing.ts";
import { resnetDesigns } from "../resnet.ts";
import { vggStages } from "../vgg.ts";
import { countAfter, imageOf, type Layout, shapesOf } from "./layout.ts";

/** The residual networks of torchvision, and resnet20. */
export const resnetLayout: Layout = {
  read(tensors, options, where) {
    const shapes = shapesOf(tensors, {
      "conv1.weight": 4,
      "bn1.running_mean": 1,
      "layer1.0.conv1.weight": 4,
      "fc.bias": 1,
    });
    if (!shapes) return null;
    const [width, channels, kernel] = shapes["conv1.weight"] as [number, number, number];
    const side = kernel === 7 ? 224 : 32;
    const { input, assumptions } = imageOf([channels, side, side], options);
    const outputs = shapes["fc.bias"][0] as number;
    return { description: { net: resnetName(tensors, where), input, outputs, width }, assumptions };
  },
};

function resnetName(tensors: StoredTensors, where: string): string {
  const depths = [1, 2, 3, 4].map((stage) => countAfter(tensors, `layer${stage}.`)).filter((depth) => depth > 0);
  const block = tensors.has("layer1.0.conv3.weight") ? "bottleneck" : "basic";
  const designs = Object.entries(resnetDesigns);
  const known = designs.find(([, design]) => design.block === block && `${design.stages}` === `${depths}`);
  if (known) return known[0];
  throw new InputError({
    code: "unknown-network",
    where,
    message: `expected the ${block} blocks of one of ${designs.map(([name]) => name).join(", ")}, got ${depths.join("-")}`,
  });
}

/** The VGG networks of torchvision, and their form for small images. */
export const vggLayout: Layout = {
  read(tensors, options) {
    const shapes = shapesOf(tensors, { "features.0.weight": 4, "classifier.0.weight": 2, "classifier.6.bias": 1 });
    const name = vggName(tensors);
    if (!shapes || !name) return null;
    const [width, channels] = shapes["features.0.weight"] as [number, number];
    const side = 32 * Math.max(1, Math.floor(Math.sqrt((shapes["classifier.0.weight"][1] as number) / (8 * width))));
    const { input, assumptions } = imageOf([channels, side, side], options);
    return {
      description: { net: name, input, outputs: shapes["classifier.6.bias"][0] as number, width },
      assumptions,
    };
  },
};

function vggName(tensors: StoredTensors): string | null {
  const convolutions = [...tensors].filter(([name, { shape }]) => name.startsWith("features.") && shape.length === 4);
  const name = `vgg${convolutions.length + 3}`;
  if (!Object.hasOwn(vggStages, name)) return null;
  return tensors.has("features.1.running_mean") ? `${name}-bn` : name;
}

/** The LeNet of this library. */
export const lenetLayout: Layout = {
  read(tensors, options) {
    const shapes = shapesOf(tensors, { "conv1.weight": 4, "conv2.weight": 4, "fc1.weight": 2, "fc2.weight": 2 });
    if (shapes?.["conv1.weight"][0] !== 20 || shapes["conv2.weight"][0] !== 50) return null;
    const [, features] = shapes["fc1.weight"] as [number, number];
    const side = 4 * Math.max(1, Math.floor(Math.sqrt(features / 50))) + 12;
    const { input, assumptions } = imageOf([shapes["conv1.weight"][1] as number, side, side], options);
    const outputs = shapes["fc2.weight"][0] as number;
    return { description: { net: "lenet", input, outputs, bias: tensors.has("conv1.bias") }, assumptions };
  },
};
