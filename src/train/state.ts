import { InputError } from "../errors.ts";
import { initializeParameters, type Network } from "../nets/index.ts";
import { fold, formatShape, type RngKey, sameShape, type Tensor, zeros } from "../tensor/index.ts";
import { stackMembers } from "./members.ts";
import { type Optimizer, slotNames } from "./optimizers.ts";
import { slotName } from "./step.ts";

/** What one epoch of one member came to. */
export interface EpochRecord {
  readonly epoch: number;
  readonly learningRate: number;
  /** Means over the batches of the epoch, one per member, each taken before its step; no error for regression. */
  readonly loss: readonly number[];
  readonly error: readonly number[] | null;
}

/** Everything that a run needs to go on exactly as if it had not been interrupted. */
export interface TrainingState {
  /** Parameters and optimiser slots; with several members each has a leading axis over them. */
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly members: number;
  /** Steps done. */
  readonly step: number;
  readonly history: readonly EpochRecord[];
  /** Sums over the steps already done of the epoch under way. */
  readonly lossSums: readonly number[];
  readonly errorSums: readonly number[];
}

/** The state before the first step: every member is initialised by its own key. */
export function initialState(
  network: Network,
  optimizer: Optimizer,
  keys: readonly RngKey[],
  dtype: "float32" | "float64",
): TrainingState {
  const members = keys.map((key) => initializeParameters(network, fold(key, "initialize"), dtype));
  const parameters = stackMembers(members);
  const slots = network.parameters
    .filter(({ trainable }) => trainable)
    .flatMap(({ name }) =>
      slotNames(optimizer).map((slot) => [slotName(slot, name), zeros(dtype, (parameters[name] as Tensor).shape)]),
    );
  const none = keys.map(() => 0);
  const tensors = { ...parameters, ...Object.fromEntries(slots) };
  return { tensors, members: keys.length, step: 0, history: [], lossSums: none, errorSums: none };
}

/** Throws an InputError unless the state has exactly the tensors of a run with these settings. */
export function checkState(state: TrainingState, expected: TrainingState): void {
  const refuse = (message: string): never => {
    throw new InputError({
      code: "bad-state",
      where: "resume",
      message,
      remedy: "resume with the network, optimiser and number of members of the first run",
    });
  };
  if (state.members !== expected.members) refuse(`expected ${expected.members} members, got ${state.members}`);
  const sums = [state.lossSums, state.errorSums, ...state.history.map(({ loss }) => loss)];
  if (sums.some(({ length }) => length !== state.members)) refuse(`expected losses of ${state.members} members`);
  const stranger = Object.keys(state.tensors).find((name) => !Object.hasOwn(expected.tensors, name));
  if (stranger !== undefined) refuse(`expected the tensors of this run, got "${stranger}" too`);
  for (const [name, { dtype, shape }] of Object.entries(expected.tensors)) {
    const got = state.tensors[name];
    if (!got) refuse(`expected a tensor "${name}", got none`);
    else if (got.dtype !== dtype || !sameShape(got.shape, shape)) {
      refuse(`expected "${name}" as ${dtype} ${formatShape(shape)}, got ${got.dtype} ${formatShape(got.shape)}`);
    }
  }
}

/** The same tensors in memory of their own. */
export function copyTensors(tensors: Readonly<Record<string, Tensor>>): Readonly<Record<string, Tensor>> {
  const copies = Object.entries(tensors).map(([name, value]) => [name, { ...value, data: value.data.slice() }]);
  return Object.fromEntries(copies);
}
