import { apply, fill, range, scalar, type Value, where } from "./value.ts";

/** 1 where the label equals the class, else 0: integer labels [...] to [..., classes]. */
export function oneHot(labels: Value, classes: number, dtype: Value["dtype"] = "float32"): Value {
  return labels
    .reshape([...labels.shape, 1])
    .equal(range(classes, labels.dtype))
    .cast(dtype);
}

/** Mean negative log-likelihood of integer labels [...] under logits [..., classes]. */
export function crossEntropy(logits: Value, labels: Value): Value {
  const hot = oneHot(labels, logits.shape.at(-1) as number, logits.dtype);
  return logits.logSoftmax().mul(hot).sum(-1).mean().neg();
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
