import { check, type InputErrorDetails } from "../errors.ts";
import { globalName, isKind, type PickleMap, type PickleObject, type PickleValue } from "./pickle-values.ts";
import { tensorCall } from "./pytorch-tensor.ts";

/** The tensors inside an unpickled object. */
export type TensorTree = TensorLeaf | TensorBranch;

/** A single tensor. */
export interface TensorLeaf {
  readonly kind: "tensor";
  readonly call: PickleObject;
}

/** A container of tensors. */
export interface TensorBranch {
  readonly kind: "branch";
  /** Of a module, whose children are those of its state dict, not of a dict or list. */
  readonly isModule: boolean;
  readonly children: readonly (readonly [string, TensorTree])[];
  /** Tensors in all, each as often as there are ways to it. */
  readonly count: number;
}

interface Walk {
  readonly where: string;
  /** What was found in each container; null while it is being searched, so that a cycle ends there. */
  readonly trees: Map<PickleValue, TensorTree | null>;
  steps: number;
}

const MOST_LEVELS = 100;
const MOST_STEPS = 2 ** 23;
const dictClasses = new Set(["collections.OrderedDict", "collections.defaultdict"]);
const setClasses = new Set(["builtins.set", "__builtin__.set"]);

/**
 * The tensors reached through dicts, lists, tuples and modules, or null where there are none. A module is an instance
 * of any class with `_parameters`, `_buffers` and `_modules` among its attributes; all other objects stay closed.
 */
export function tensorTree(value: PickleValue, where: string): TensorTree | null {
  return search({ where, trees: new Map(), steps: 0 }, value, 0);
}

function search(walk: Walk, value: PickleValue, depth: number): TensorTree | null {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return null;
  const known = walk.trees.get(value);
  if (known !== undefined) return known;
  check(depth <= MOST_LEVELS, () => treeError(walk, `its objects nest deeper than ${MOST_LEVELS} levels`));
  walk.trees.set(value, null);
  const tree = findTree(walk, value, depth);
  walk.trees.set(value, tree);
  return tree;
}

function findTree(walk: Walk, value: PickleValue, depth: number): TensorTree | null {
  const call = tensorCall(value);
  if (call) return { kind: "tensor", call };
  const parts = moduleParts(walk, value);
  const children: [string, TensorTree][] = [];
  for (const [key, child] of parts ?? pairsOf(walk, value)) {
    countSteps(walk, 1);
    const tree = typeof key === "string" || typeof key === "number" ? search(walk, child, depth + 1) : null;
    if (tree) children.push([String(key), tree]);
  }
  if (children.length === 0) return null;
  const count = children.reduce((sum, [, tree]) => sum + (tree.kind === "tensor" ? 1 : tree.count), 0);
  return { kind: "branch", isModule: parts !== null, children, count };
}

type Pairs = Iterable<readonly [PickleValue, PickleValue]>;

function pairsOf(walk: Walk, value: PickleValue): Pairs {
  return Array.isArray(value) ? value.entries() : (dictOf(walk, value) ?? []);
}

/** A dict or one of its kinds that Python's library has; Python 2 made those of a list of pairs. */
function dictOf(walk: Walk, value: PickleValue | undefined): PickleMap | null {
  if (value instanceof Map) return value;
  if (!isKind(value, "object") || !dictClasses.has(globalName(value.callee) ?? "")) return null;
  const [pairs] = Array.isArray(value.args) ? value.args : [];
  if (!Array.isArray(pairs)) return value.items ?? new Map();
  const dict: PickleMap = new Map();
  for (const pair of pairs) {
    countSteps(walk, 1);
    if (Array.isArray(pair) && pair.length === 2) dict.set(pair[0] as PickleValue, pair[1] as PickleValue);
  }
  for (const [key, item] of value.items ?? []) dict.set(key, item);
  return dict;
}

/** What torch.nn.Module.state_dict lists, in its order, or null where `value` is no module. */
function moduleParts(walk: Walk, value: PickleValue): Pairs | null {
  if (!isKind(value, "object") || !value.isInstance || !(value.state instanceof Map)) return null;
  const [parameters, buffers, modules] = ["_parameters", "_buffers", "_modules"].map((name) =>
    dictOf(walk, (value.state as PickleMap).get(name)),
  );
  if (!parameters || !buffers || !modules) return null;
  const temporary = namesOf(walk, value.state.get("_non_persistent_buffers_set"));
  const kept = [...buffers].filter(([name]) => !temporary.has(name));
  return [...parameters, ...kept, ...modules];
}

function namesOf(walk: Walk, value: PickleValue | undefined): ReadonlySet<PickleValue> {
  const isSet = isKind(value, "object") && setClasses.has(globalName(value.callee) ?? "");
  const names = isSet && Array.isArray(value.args) ? value.args[0] : value;
  if (!Array.isArray(names)) return new Set();
  countSteps(walk, names.length);
  return new Set(names);
}

function countSteps(walk: Walk, count: number): void {
  walk.steps += count;
  check(walk.steps <= MOST_STEPS, () =>
    treeError(walk, `expected at most ${MOST_STEPS} items in its objects, got more`),
  );
}

function treeError({ where }: Walk, message: string): InputErrorDetails {
  return { code: "bad-pickle", where, message, remedy: "save the state dict alone" };
}
