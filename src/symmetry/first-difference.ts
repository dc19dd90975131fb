import type { Engine } from "../engine/index.ts";
import { inputsOf, type Value } from "../graph/index.ts";
import type { Network, Parameters } from "../nets/index.ts";
import { allocate, elementCount, isFloat, type Tensor, tensor } from "../tensor/index.ts";
import { actOnTensor } from "./act.ts";
import { deviationOf, relativeDeviation } from "./deviation.ts";
import { type Discovery, discoverNetwork } from "./discover.ts";
import type { GroupElement } from "./element.ts";
import { type Layer, layersOf } from "./layers.ts";
import { inputName } from "./network-graph.ts";
import { unitInvariants } from "./unit-invariants.ts";

/** A layer at which two parameter sets part, named after the parameters that it reads, and by how much. */
export interface FirstDifference {
  readonly layer: string;
  readonly maxRelative: number;
}

export interface FirstDifferenceOptions {
  /** Computes in float64. */
  readonly engine: Engine;
  /** Inputs at which the outputs differ, [n, ...]. */
  readonly probe: Tensor;
  readonly tolerance: number;
  /** What is said to make b of a; without it activations are compared by what no permutation, scale or sign changes. */
  readonly element: GroupElement | undefined;
}

/** Elements of all layers that are computed at once. */
const elementsAtOnce = 2 ** 25;

/**
 * The first layer at which b is not what the element makes of a, or null where every layer is. Without an element the
 * answer is a hint: a layer at which the units of b cannot be those of a in any order.
 */
export async function firstDifference(
  network: Network,
  [a, b]: readonly [Parameters, Parameters],
  options: FirstDifferenceOptions,
): Promise<FirstDifference | null> {
  const discovery = discoverNetwork(network);
  const layers = layersOf(discovery.outputs, new Set(discovery.parameters.keys()));
  const x = probeOf(discovery, options.probe);
  for (const chunk of chunksOf(layers.filter(({ value }) => isFloat(value.dtype)))) {
    const graph = Object.fromEntries(chunk.map(({ value }, i) => [String(i), value]));
    await using program = await options.engine.compile(graph);
    const before = await program.run({ ...a, [inputName]: x });
    const after = await program.run({ ...b, [inputName]: x });
    for (const [i, { name, value }] of chunk.entries()) {
      const pair = [before[i], after[i]] as [Tensor<"float64">, Tensor<"float64">];
      const maxRelative = differenceAt(discovery, value, { pair, element: options.element });
      if (maxRelative > options.tolerance) return { layer: name, maxRelative };
    }
  }
  return null;
}

function chunksOf(layers: readonly Layer[]): Layer[][] {
  const chunks: Layer[][] = [];
  let room = 0;
  for (const layer of layers) {
    const size = elementCount(layer.value.shape);
    if (size > room || chunks.length === 0) {
      chunks.push([]);
      room = elementsAtOnce;
    }
    chunks.at(-1)?.push(layer);
    room -= size;
  }
  return chunks;
}

/** The inputs in the shape that the graph takes: over again where there are too few, or sequences are too short. */
function probeOf({ outputs }: Discovery, probe: Tensor): Tensor {
  const x = inputsOf(outputs).find(({ attributes }) => attributes.name === inputName) as Value<"Input">;
  const [size, own] = [elementCount(x.shape.slice(1)), elementCount(probe.shape.slice(1))];
  const data = allocate(x.dtype, elementCount(x.shape)) as Float64Array<ArrayBuffer>;
  for (let i = 0; i < data.length; i++) {
    const row = Math.floor(i / size) % (probe.shape[0] as number);
    data[i] = probe.data[row * own + ((i % size) % own)] as number;
  }
  return tensor(x.dtype, x.shape, data);
}

interface Comparison {
  /** The activation under a and under b. */
  readonly pair: readonly [Tensor<"float64">, Tensor<"float64">];
  readonly element: GroupElement | undefined;
}

function differenceAt({ group, layoutOf }: Discovery, value: Value, { pair: [a, b], element }: Comparison): number {
  const layout = layoutOf(value);
  const [expected, got] = element
    ? [actOnTensor(layout, element, a).data as Float64Array, b.data]
    : [unitInvariants(group, layout, a), unitInvariants(group, layout, b)];
  return relativeDeviation(deviationOf(expected, got));
}
