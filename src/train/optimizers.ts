import { check } from "../errors.ts";
import { scalar, type Value } from "../graph/index.ts";

/** An update rule and its constants; plain JSON. */
export type Optimizer =
  | {
      readonly kind: "sgd";
      readonly learningRate: number;
      readonly momentum?: number;
      readonly nesterov?: boolean;
      readonly weightDecay?: number;
    }
  | {
      /** `adam` adds the decay to the gradient, `adamw` shrinks the weights directly. */
      readonly kind: "adam" | "adamw";
      readonly learningRate: number;
      readonly betas?: readonly [number, number];
      readonly epsilon?: number;
      readonly weightDecay?: number;
    };

/** Numbers that change from step to step, as inputs of the step's graph. */
export interface StepScalars {
  readonly learningRate: Value;
  /** 1 / (1 - beta^t) of both moments of Adam. */
  readonly firstCorrection: Value;
  readonly secondCorrection: Value;
}

/** Names of the tensors that the rule keeps for every trained parameter. */
export function slotNames(optimizer: Optimizer): readonly string[] {
  if (optimizer.kind !== "sgd") return ["first", "second"];
  return optimizer.momentum ? ["velocity"] : [];
}

/**
 * What the rule wants the gradients multiplied by. Plain gradient descent scales the loss's derivative, one number, and
 * so never passes over the weights to multiply them.
 */
export function gradientScale(optimizer: Optimizer, { learningRate }: StepScalars): Value {
  return slotNames(optimizer).length === 0 ? learningRate : scalar(1, learningRate.dtype);
}

/** The rule's next parameter and slots, as PyTorch defines them, from a gradient scaled as the rule wants it. */
export function updateParameter(
  optimizer: Optimizer,
  parameter: Value,
  gradient: Value,
  slots: readonly Value[],
  scalars: StepScalars,
): { readonly parameter: Value; readonly slots: readonly Value[] } {
  return optimizer.kind === "sgd"
    ? updateBySgd(optimizer, parameter, gradient, slots, scalars)
    : updateByAdam(optimizer, parameter, gradient, slots, scalars);
}

type Update = { readonly parameter: Value; readonly slots: readonly Value[] };

function updateBySgd(
  { momentum = 0, nesterov = false, weightDecay = 0 }: Extract<Optimizer, { kind: "sgd" }>,
  parameter: Value,
  gradient: Value,
  [velocity]: readonly Value[],
  { learningRate }: StepScalars,
): Update {
  if (!velocity) {
    const kept = weightDecay ? parameter.mul(learningRate.mul(-weightDecay).add(1)) : parameter;
    return { parameter: kept.sub(gradient), slots: [] };
  }
  const decayed = weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient;
  const next = velocity.mul(momentum).add(decayed);
  const direction = nesterov ? decayed.add(next.mul(momentum)) : next;
  return { parameter: parameter.sub(direction.mul(learningRate)), slots: [next] };
}

function updateByAdam(
  { kind, betas = [0.9, 0.999], epsilon = 1e-8, weightDecay = 0 }: Extract<Optimizer, { kind: "adam" | "adamw" }>,
  parameter: Value,
  gradient: Value,
  slots: readonly Value[],
  { learningRate, firstCorrection, secondCorrection }: StepScalars,
): Update {
  const [first, second] = slots as readonly [Value, Value];
  const g = kind === "adam" && weightDecay ? gradient.add(parameter.mul(weightDecay)) : gradient;
  const nextFirst = first.mul(betas[0]).add(g.mul(1 - betas[0]));
  const nextSecond = second.mul(betas[1]).add(g.square().mul(1 - betas[1]));
  const scale = nextSecond.mul(secondCorrection).sqrt().add(epsilon);
  const step = nextFirst.mul(firstCorrection).div(scale).mul(learningRate);
  const kept =
    kind === "adamw" && weightDecay ? parameter.sub(parameter.mul(learningRate.mul(weightDecay))) : parameter;
  return { parameter: kept.sub(step), slots: [nextFirst, nextSecond] };
}

/** 1 / (1 - beta^t) of both moments at step `step` (counted from 0). */
export function momentCorrections(optimizer: Optimizer, step: number): readonly [number, number] {
  if (optimizer.kind === "sgd") return [1, 1];
  const [first, second] = optimizer.betas ?? [0.9, 0.999];
  return [1 / (1 - first ** (step + 1)), 1 / (1 - second ** (step + 1))];
}

/** Throws an InputError unless the constants make sense. */
export function checkOptimizer(optimizer: Optimizer): void {
  const { learningRate, weightDecay = 0 } = optimizer;
  const need = (condition: boolean, expected: string, got: unknown) =>
    check(condition, () => ({
      code: "bad-option",
      where: optimizer.kind,
      message: `expected ${expected}, got ${got}`,
    }));
  need(learningRate > 0 && Number.isFinite(learningRate), "a positive learning rate", learningRate);
  need(weightDecay >= 0 && Number.isFinite(weightDecay), "a weight decay of at least 0", weightDecay);
  if (optimizer.kind === "sgd") {
    const { momentum = 0, nesterov = false } = optimizer;
    need(momentum >= 0 && momentum < 1, "a momentum from 0 to below 1", momentum);
    need(!nesterov || momentum > 0, "a momentum above 0 with nesterov", momentum);
  } else {
    const { betas = [0.9, 0.999], epsilon = 1e-8 } = optimizer;
    need(epsilon > 0 && Number.isFinite(epsilon), "a positive epsilon", epsilon);
    need(
      betas.every((beta) => beta >= 0 && beta < 1),
      "betas from 0 to below 1",
      betas.join(", "),
    );
  }
}
