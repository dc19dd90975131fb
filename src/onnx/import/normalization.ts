import { apply, concat, fill, type Value } from "../../graph/index.ts";
import { formatShape, normalizeAxis } from "../../tensor/index.ts";
import {
  flagAttribute,
  floatAttribute,
  type Importer,
  intAttribute,
  operand,
  refuse,
  required,
} from "../imported-node.ts";

const defaultEpsilon = 1e-5;

/** Batch norm with stored statistics. */
export const batchNormalization: Importer = (node) => {
  if (flagAttribute(node, "training_mode")) {
    refuse("expected batch norm with stored statistics, got training mode", "export the model in evaluation mode");
  }
  if (node.attributes.has("spatial") && !flagAttribute(node, "spatial")) {
    refuse("expected batch norm per channel, got spatial 0");
  }
  const operands = [0, 1, 2, 3, 4].map((i) => operand(node, i));
  return apply("BatchNormalization", operands, { epsilon: floatAttribute(node, "epsilon") ?? defaultEpsilon });
};

/** Layer and root-mean-square normalisation, over the axes from `axis` on. */
export function layerNormalization(op: "LayerNormalization" | "RMSNormalization"): Importer {
  return (node) => {
    const x = operand(node, 0);
    const axis = normalizeAxis(intAttribute(node, "axis") ?? -1, x.rank, op);
    const epsilon = floatAttribute(node, "epsilon") ?? defaultEpsilon;
    const present = node.operands.slice(1).filter((value) => value !== undefined);
    const parameters = present.map((value) => expanded(value, x.shape.slice(axis)));
    return apply(op, [x, ...parameters], { axis, epsilon });
  };
}

function expanded(value: Value, shape: readonly number[]): Value {
  return value.shape.join() === shape.join() ? value : value.expand(shape);
}

/** Each channel of each sample by itself. */
export const instanceNormalization: Importer = (node) => {
  const x = operand(node, 0);
  if (x.rank < 3) refuse(`expected [N, C, ...], got ${formatShape(x.shape)}`);
  const spatial = x.shape.map((_, axis) => axis).slice(2);
  const normal = standardized(x, spatial, floatAttribute(node, "epsilon") ?? defaultEpsilon);
  return scaled(normal, operand(node, 1), operand(node, 2));
};

/** Groups of channels of each sample; scale and bias are per group before operator set 21, per channel since. */
export const groupNormalization: Importer = (node) => {
  const x = operand(node, 0);
  const groups = required(intAttribute(node, "num_groups"), "attribute num_groups");
  const [batch = 0, channels = 0] = x.shape;
  if (x.rank < 3 || channels % groups !== 0)
    refuse(`expected channels in ${groups} groups, got ${formatShape(x.shape)}`);
  const epsilon = floatAttribute(node, "epsilon") ?? defaultEpsilon;
  const normal = standardized(x.reshape([batch, groups, -1]), [2], epsilon);
  const [scale, bias] = [operand(node, 1), operand(node, 2)];
  if (node.opset < 21) return scaled(normal, scale, bias).reshape(x.shape);
  return scaled(normal.reshape(x.shape), scale, bias);
};

function standardized(x: Value, axes: readonly number[], epsilon: number): Value {
  const centred = x.sub(x.mean(axes, { keepDims: true }));
  return centred.div(centred.square().mean(axes, { keepDims: true }).add(epsilon).sqrt());
}

/** Scale and bias along axis 1. */
function scaled(x: Value, scale: Value, bias: Value): Value {
  const alongChannels = (value: Value) => value.reshape([-1, ...x.shape.slice(2).map(() => 1)]);
  return x.mul(alongChannels(scale)).add(alongChannels(bias));
}

/** Divides by the power of nearby channels: `x / (bias + alpha / size * sum x^2)^beta`. */
export const localResponseNormalization: Importer = (node) => {
  const x = operand(node, 0);
  const size = required(intAttribute(node, "size"), "attribute size");
  const channels = x.shape[1] ?? refuse(`expected [N, C, ...], got ${formatShape(x.shape)}`);
  if (size < 1 || size > 2 * channels + 1) refuse(`expected a size of 1 to ${2 * channels + 1}, got ${size}`);
  const [before, after] = [Math.floor((size - 1) / 2), Math.ceil((size - 1) / 2)];
  const edge = (count: number) => fill(0, x.dtype, x.shape.with(1, count));
  const padded = concat([edge(before), x.square(), edge(after)], 1);
  const nearby = Array.from({ length: size }, (_, i) => padded.slice(1, i, i + channels));
  const power = nearby.reduce((sum, next) => sum.add(next));
  const [alpha, beta, bias] = [
    floatAttribute(node, "alpha") ?? 1e-4,
    floatAttribute(node, "beta") ?? 0.75,
    floatAttribute(node, "bias") ?? 1,
  ];
  return x.div(
    power
      .mul(alpha / size)
      .add(bias)
      .pow(beta),
  );
};
