import { check } from "../errors.ts";
import type { PickleObject, PickleValue } from "./pickle-values.ts";
import { type TensorBranch, type TensorTree, tensorTree } from "./pytorch-tree.ts";
import { quote } from "./quote.ts";

/** Under what training scripts keep the state dict, beside the epoch and the optimizer. */
const stateKeys = new Set(["state_dict", "model_state_dict", "model", "module", "net", "params"]);

const ONLY_NAME = "tensor";
const MOST_TENSORS = 2 ** 18;

/**
 * The tensors of an unpickled object by name. A dict of tensors gives its keys; a module the names of its state dict.
 * Where exactly one of `state_dict`, `model_state_dict`, `model`, `module`, `net` and `params` holds tensors, these
 * alone, by their plain names; otherwise all, by their path, such as `optimizer.state.0.exp_avg`. A single tensor is
 * called "tensor". A prefix inside the names, such as DataParallel's `module.`, stays.
 */
export function namedTensors(value: PickleValue, where: string): ReadonlyMap<string, PickleObject> {
  const tree = tensorTree(value, where);
  if (!tree) return new Map();
  if (tree.kind === "tensor") return new Map([[ONLY_NAME, tree.call]]);
  const state = stateOf(tree);
  check(state.count <= MOST_TENSORS, () => ({
    code: "bad-pickle",
    where,
    message: `expected at most ${MOST_TENSORS} tensors, got ${state.count}`,
    remedy: "save the state dict alone",
  }));
  const named = new Map<string, PickleObject>();
  for (const [name, call] of leaves(state, "")) {
    check(!named.has(name), () => ({
      code: "duplicate-key",
      where,
      message: `two tensors are called ${quote(name)}`,
      remedy: "save the state dict alone",
    }));
    named.set(name, call);
  }
  return named;
}

function stateOf(tree: TensorBranch): TensorBranch {
  if (tree.isModule) return tree;
  const states = tree.children.flatMap(([name, child]) =>
    stateKeys.has(name) && child.kind === "branch" ? [child] : [],
  );
  return states.length === 1 ? (states[0] as TensorBranch) : tree;
}

function* leaves({ children }: TensorBranch, prefix: string): Generator<[string, PickleObject]> {
  for (const [key, child] of children as readonly [string, TensorTree][]) {
    if (child.kind === "tensor") yield [prefix + key, child.call];
    else yield* leaves(child, `${prefix}${key}.`);
  }
}
