import { apply, type Value, where } from "../../graph/index.ts";
import {
  floatAttribute,
  type ImportedNode,
  type Importer,
  operand,
  refuse,
  stringAttribute,
} from "../imported-node.ts";

/** An activation of one operand and the numbers that its attributes hold. */
export function activation(
  compute: (x: Value, ...numbers: number[]) => Value,
  ...defaults: readonly (readonly [name: string, value: number])[]
): Importer {
  return (node) => compute(operand(node, 0), ...defaults.map(([name, value]) => floatAttribute(node, name) ?? value));
}

/** Slope `alpha` below zero. */
export const leakyRelu = activation((x, alpha) => x.leakyRelu(alpha), ["alpha", 0.01]);

/** A line clipped to [0, 1]. */
export const hardSigmoid = activation(
  (x, alpha, beta) => apply("HardSigmoid", [x], { alpha: alpha as number, beta: beta as number }),
  ["alpha", 0.2],
  ["beta", 0.5],
);

/** Exact or by tanh. */
export const gelu: Importer = (node) => {
  const approximate = stringAttribute(node, "approximate") ?? "none";
  if (approximate !== "none" && approximate !== "tanh") refuse("expected approximate none or tanh, got another one");
  return operand(node, 0).gelu(approximate);
};

/** `alpha (exp(x) - 1)` below zero. */
export const elu = activation((x, alpha) => x.relu().add(below(x).mul(alpha as number)), ["alpha", 1]);

/** A scaled Elu that keeps mean 0 and variance 1. */
export const selu = activation(
  (x, alpha, gamma) =>
    x
      .relu()
      .add(below(x).mul(alpha as number))
      .mul(gamma as number),
  ["alpha", 1.6732631921768188],
  ["gamma", 1.0507010221481323],
);

/** `alpha (exp(x / alpha) - 1)` below zero. */
export const celu = activation(
  (x, alpha) => x.relu().add(below(x.div(alpha as number)).mul(alpha as number)),
  ["alpha", 1],
);

/** `exp(x) - 1` below zero, zero above. */
function below(x: Value): Value {
  return x.minimum(0).exp().sub(1);
}

/** `x sigmoid(alpha x)`. */
export const swish = activation(
  (x, alpha) => x.mul((alpha === 1 ? x : x.mul(alpha as number)).sigmoid()),
  ["alpha", 1],
);

/** `x` times a line clipped to [0, 1]. */
export const hardSwish = activation((x) => x.mul(apply("HardSigmoid", [x], { alpha: 1 / 6, beta: 0.5 })));

/** `x tanh(softplus(x))`. */
export const mish = activation((x) => x.mul(x.softplus().tanh()));

/** `x / (1 + |x|)`. */
export const softsign = activation((x) => x.div(x.abs().add(1)));

/** `x` above `alpha`, otherwise zero. */
export const thresholdedRelu = activation((x, alpha) => where(x.greater(alpha as number), x, 0), ["alpha", 1]);

/** Moves towards zero by `bias` outside `lambd` of zero, zero inside. */
export const shrink = activation(
  (x, lambda, bias) => {
    const beyond = where(x.greater(lambda as number), x.sub(bias as number), 0);
    return where(x.less(-(lambda as number)), x.add(bias as number), beyond);
  },
  ["lambd", 0.5],
  ["bias", 0],
);

/** A slope below zero that is a weight. */
export const prelu: Importer = (node: ImportedNode) => {
  const [x, slope] = [operand(node, 0), operand(node, 1)];
  return x.relu().sub(x.neg().relu().mul(slope));
};
