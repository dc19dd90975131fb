import type { Shape } from "../../tensor/index.ts";
import type { Activation } from "../activations.ts";
import type { NetworkDescription } from "../network.ts";
import type { StoredTensors } from "../pairing.ts";

/** What weights do not say about their network; each replaces what would be assumed. */
export interface LayoutOptions {
  /** Channels, height and width of one image. */
  readonly input?: Shape;
  /** After every hidden layer of an mlp. */
  readonly activation?: Activation;
  /** Heads of attention, or of its queries. */
  readonly heads?: number;
  /** Heads of keys and values. */
  readonly kvHeads?: number;
  /** The longest sequence of a network whose positions are not parameters. */
  readonly context?: number;
  readonly ropeTheta?: number;
  readonly epsilon?: number;
}

/** A network as its tensors tell it. */
export interface Reading {
  readonly description: NetworkDescription;
  /** What was assumed, since the tensors do not tell. */
  readonly assumptions: readonly string[];
}

/** How a family of networks names its tensors. */
export interface Layout {
  /** Reads the sizes off the shapes, by bare name; null where the names are of another layout. */
  readonly read: (tensors: StoredTensors, options: LayoutOptions, where: string) => Reading | null;
  /** Bare names of tensors that belong to the layout and that the network here does without. */
  readonly unused?: RegExp;
}

/** The shapes of these tensors, unless one is not there or has another number of axes. */
export function shapesOf<const T extends Readonly<Record<string, number>>>(
  tensors: StoredTensors,
  ranks: T,
): { readonly [K in keyof T]: readonly number[] } | null {
  const shapes = Object.entries(ranks).map(([name, rank]) => ({ name, rank, shape: tensors.get(name)?.shape }));
  if (shapes.some(({ shape, rank }) => shape?.length !== rank)) return null;
  return Object.fromEntries(shapes.map(({ name, shape }) => [name, shape])) as { [K in keyof T]: readonly number[] };
}

/** One more than the largest index after a prefix such as `layers.`; 0 where there is none. */
export function countAfter(tensors: StoredTensors, prefix: string): number {
  const indices = [...tensors.keys()].flatMap((name) => {
    const index = name.startsWith(prefix) ? /^\d+(?=\.)/.exec(name.slice(prefix.length)) : null;
    return index ? [Number(index[0])] : [];
  });
  return indices.reduce((most, index) => Math.max(most, index + 1), 0);
}

/** The images that a network is for: as told, or assumed. */
export function imageOf(
  assumed: Shape,
  { input }: LayoutOptions,
): { readonly input: Shape; readonly assumptions: string[] } {
  if (input) return { input, assumptions: [] };
  return { input: assumed, assumptions: [`images of ${assumed.join("x")}: their size is not written in the weights`] };
}
