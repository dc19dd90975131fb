import { concat, type Value } from "../../src/graph/index.ts";
import type { Network } from "../../src/nets/index.ts";
import { elementCount, fold, permutation, type RngKey, type Shape, uniform } from "../../src/tensor/index.ts";
import { small, type Weight } from "./probe.ts";

const shapes: readonly Shape[] = [[12], [3, 4], [4, 3], [2, 6], [2, 2, 3], [6]];
const steps = 9;
const mostElements = 60;

/** A network of randomly chosen operators, which cut, join, repeat, mix and reorder blocks of hidden units. */
export function randomNetwork(key: RngKey): Network {
  return small([3], 2, (x, weight) => {
    const batch = x.shape[0] as number;
    let made = 0;
    const fresh: Weight = (_, shape) => weight(`w${made++}`, shape);
    const pool = [0, 1].map((i) => {
      const shape = choose(fold(key, "shape", i), shapes);
      return x.matmul(fresh("in", [3, elementCount(shape)])).reshape([batch, ...shape]);
    });
    for (let step = 0; step < steps; step++) {
      const next = randomStep(fold(key, "step", step), pool, fresh);
      if (next && elementCount(next.shape.slice(1)) <= mostElements) pool.push(next);
    }
    return pool
      .slice(-2)
      .map((value) => value.flatten().matmul(fresh("out", [elementCount(value.shape.slice(1)), 2])))
      .reduce((a, b) => a.add(b));
  });
}

function draw(key: RngKey, below: number): number {
  return Math.floor(uniform(key, [1], { dtype: "float64", high: below }).data[0] as number);
}

function choose<T>(key: RngKey, from: readonly T[]): T {
  return from[draw(key, from.length)] as T;
}

/** A value of the pool under one operator; null where the one that was drawn does not fit it. */
function randomStep(key: RngKey, pool: readonly Value[], weight: Weight): Value | null {
  const [a, b] = [choose(fold(key, "a"), pool), choose(fold(key, "b"), pool)];
  const [batch, ...shape] = a.shape as [number, ...number[]];
  const axis = 1 + draw(fold(key, "axis"), shape.length);
  const size = a.shape[axis] as number;
  const at = draw(fold(key, "at"), size - 1 || 1);
  const suffix = shape.slice(draw(fold(key, "suffix"), shape.length));
  const isLike = (free: number) => a.rank === b.rank && a.shape.every((n, i) => i === free || n === b.shape[i]);
  const mean = () => a.mean(axis, { keepDims: true });
  const makers: readonly (() => Value | null)[] = [
    () => a.relu(),
    () => a.tanh(),
    () => a.softmax(axis),
    () => a.sub(mean()),
    () => a.maximum(mean()),
    () => a.mul(weight("gain", suffix)),
    () => a.add(weight("bias", suffix)),
    () => a.matmul(weight("matrix", [a.shape.at(-1) as number, choose(fold(key, "width"), [2, 3, 4, 6])])),
    () => {
      const fitting = shapes.filter((each) => elementCount(each) === elementCount(shape));
      return fitting.length > 0 ? a.reshape([batch, ...choose(fold(key, "fitting"), fitting)]) : null;
    },
    () => a.transpose([0, ...Array.from(permutation(fold(key, "order"), shape.length), (i) => i + 1)]),
    () => (size > 2 ? a.slice(axis, at, at + 1 + draw(fold(key, "length"), size - at - 1)) : null),
    () => (size % 2 === 0 ? a.slice(axis, at % 2, size, 2) : null),
    () => (isLike(axis) ? concat([a, b], axis) : null),
    () => (isLike(-1) ? a.add(b) : null),
    () => (isLike(-1) ? a.mul(b) : null),
    () => (shape.length > 1 ? a.sum(axis) : null),
    () => (shape.length === 2 && b.rank === 3 && b.shape[1] === shape[1] ? a.matmul(b) : null),
    () => {
      if (shape.length > 2) return null;
      const [first, ...rest] = shape as [number, ...number[]];
      return a
        .reshape([batch, 1, ...shape])
        .expand([batch, 2, ...shape])
        .reshape([batch, 2 * first, ...rest]);
    },
  ];
  return choose(fold(key, "maker"), makers)();
}
