import type { Value } from "../../graph/index.ts";
import type { Network, ParameterSpec, Parameters } from "../../nets/index.ts";
import { fromNumbers, type Shape } from "../../tensor/index.ts";
import { type HiddenLayer, unitsInTheMiddle } from "../expansion/index.ts";

/** Tensors of a held network beside those of the network: one-hot rows that name the units, and their distance. */
const names = { i: "held.i", j: "held.j", distance: "held.distance" } as const;

/**
 * The network in coordinates that hold two units of a layer at a distance: in the incoming weights mu stands in the place
 * of unit i and q in that of unit j, and the network computes with mu +- (d/2) q / |q|. Its gradient in q is that on the
 * sphere, projected. Which units and which distance are tensors too, so that one graph serves all.
 */
export function heldNetwork(network: Network, layer: HiddenLayer): Network {
  const spec = (name: string, shape: Shape): ParameterSpec => ({
    name,
    shape,
    initializer: { kind: "constant", value: 0 },
    trainable: false,
  });
  const rows = [spec(names.i, [layer.size]), spec(names.j, [layer.size])];
  return {
    ...network,
    parameters: [...network.parameters, ...rows, spec(names.distance, [])],
    apply: (x, parameters, options) => network.apply(x, { ...parameters, ...atDistance(layer, parameters) }, options),
  };
}

/** The tensors that say which units are held, and how far apart. */
export function heldTensors(
  { size }: HiddenLayer,
  [i, j]: readonly [number, number],
  { distance, dtype }: { readonly distance: number; readonly dtype: "float32" | "float64" },
): Parameters {
  const oneHot = (unit: number) =>
    fromNumbers(
      dtype,
      Array.from({ length: size }, (_, k) => (k === unit ? 1 : 0)),
      [size],
    );
  return {
    [names.i]: oneHot(i),
    [names.j]: oneHot(j),
    [names.distance]: fromNumbers(dtype, [distance], []),
  };
}

type Values = Readonly<Record<string, Value>>;

function atDistance(layer: HiddenLayer, parameters: Values): Values {
  const [isI, isJ, distance] = [names.i, names.j, names.distance].map((name) => parameters[name] as Value) as [
    Value,
    Value,
    Value,
  ];
  const sites = layer.incoming.map((site) => {
    const value = parameters[site.tensor] as Value;
    const weights = value.reshape(unitsInTheMiddle(site, value.shape));
    const rowOf = (mask: Value) => weights.mul(mask).sum(1, { keepDims: true });
    const [i, j] = [isI, isJ].map((mask) => mask.reshape([1, layer.size, 1])) as [Value, Value];
    return { site, value, weights, i, j, mean: rowOf(i), q: rowOf(j) };
  });
  const squares = sites.map(({ q }) => q.square().sum()).reduce((sum, each) => sum.add(each));
  const scale = distance.div(2).div(squares.sqrt());
  return Object.fromEntries(
    sites.map(({ site, value, weights, i, j, mean, q }) => {
      const offset = q.mul(scale);
      const moved = weights.add(i.mul(offset)).add(j.mul(mean.sub(offset).sub(q)));
      return [site.tensor, moved.reshape(value.shape)];
    }),
  );
}
