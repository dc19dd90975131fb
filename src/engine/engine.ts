import type { Value } from "../graph/index.ts";
import type { Tensor } from "../tensor/index.ts";

/** Tensors by the name of the input or output they belong to. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** A compiled graph. Dispose of it when it is no longer needed. */
export interface Program extends AsyncDisposable {
  /**
   * Computes the outputs from tensors for every input. Outputs named in `into` are written in place, the others are
   * new. The tensors of `feeds` are read, not copied: they must not be among those of `into`.
   */
  run(feeds: Tensors, into?: Tensors): Promise<Tensors>;
}

/** A graph that runs many rounds in a row, what it computes under the name of an input replacing that input. */
export interface LoopProgram extends AsyncDisposable {
  /**
   * Runs at least one round. `feeds` holds the first value of every carried input, one value per round (along a new first
   * axis) of every stepped one, and the others as they are. Returns the last values of the carried inputs, written in
   * place where `into` names them, and the other outputs of all rounds along a new first axis.
   */
  run(rounds: number, feeds: Tensors, into?: Tensors): Promise<Tensors>;
}

/** Networks that a loop runs side by side. */
export interface Members {
  readonly count: number;
  /**
   * The inputs of which each member has its own. These have a leading axis over the members, behind that of the rounds, and
   * so has all that is computed.
   */
  readonly own: readonly string[];
}

/** Something that runs graphs. */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  /** Prepares the graph that computes the named outputs; its inputs are the `Input` values these depend on. */
  compile(outputs: Readonly<Record<string, Value>>): Promise<Program>;
  /**
   * Prepares a graph that is run round after round; `stepped` names the inputs that differ between rounds. With `members`
   * the graph is that of one of them, and the program that of all.
   */
  compileLoop(
    outputs: Readonly<Record<string, Value>>,
    stepped: readonly string[],
    members?: Members,
  ): Promise<LoopProgram>;
}
