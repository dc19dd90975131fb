import { elementCount, isFloat } from "../tensor/index.ts";
import { apply, fill, range, scalar, type Value, where } from "./value.ts";

/** 1 where the label equals the class, else 0: integer labels [...] to [..., classes]. */
export function oneHot(labels: Value, classes: number, dtype: Value["dtype"] = "float32"): Value {
  return labels
    .reshape([...labels.shape, 1])
    .equal(range(classes, labels.dtype))
    .cast(dtype);
}

/**
 * Mean negative log-likelihood under logits [..., classes] of integer labels [...], or of probabilities in the shape of
 * the logits.
 */
export function crossEntropy(logits: Value, targets: Value): Value {
  const classes = logits.shape.at(-1) as number;
  const weights = isFloat(targets.dtype) ? targets : oneHot(targets, classes, logits.dtype);
  // Summed over everything at once: the gradient is then one number times the weights.
  return logits
    .logSoftmax()
    .mul(weights)
    .sum()
    .mul(-classes / elementCount(logits.shape));
}

/** Mean of the squared differences over all elements, without a factor 1/2. */
export function meanSquaredError(outputs: Value, targets: Value): Value {
  return outputs.sub(targets).square().mean();
}

/** Mean binary cross-entropy of targets in [0, 1] under logits. */
export function binaryCrossEntropy(logits: Value, targets: Value): Value {
  return logits.softplus().sub(logits.mul(targets)).mean();
}

/** The value of `hard`, with the derivative of `soft`. */
export function surrogate(hard: Value, soft: Value): Value {
  return apply("Surrogate", [hard, soft]);
}

/** The value, without a derivative. */
export function stopGradient(value: Value): Value {
  return surrogate(value, fill(0, value.dtype, value.shape));
}

/** +1 or -1 (+1 at zero), with the straight-through derivative of BinaryNet: 1 where |x| <= 1, else 0. */
export function straightThroughSign(x: Value): Value {
  const hard = where(x.less(0), scalar(-1, x.dtype), 1);
  return surrogate(hard, where(x.abs().lessOrEqual(1), x, 0));
}
