import type { Parameters } from "../../nets/index.ts";
import type { Reader, UnitSite } from "../../symmetry/index.ts";
import { convert, type Shape, stridesOf, type Tensor, tensor } from "../../tensor/index.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import type { Rows } from "./unit-rows.ts";

/** Whether a constant can be added to the output of each unit: every layer that reads it has a bias to make up for it. */
export function hasNextBiases({ readers }: HiddenLayer): boolean {
  return readers.every(({ bias, isPadded }) => bias !== null && !isPadded);
}

/** The parameters with next biases as if constants were added to outputs whose outgoing weights, by site, are `rows`. */
export function withConstant(
  layer: HiddenLayer,
  parameters: Parameters,
  outputs: readonly { readonly outgoing: Rows; readonly constant: number }[],
): Parameters {
  return layer.readers.reduce((changed, reader) => {
    const place = layer.outgoing.findIndex(({ tensor: name }) => name === reader.site.tensor);
    return withBias(
      reader,
      changed,
      outputs.map(({ outgoing, constant }) => ({ row: outgoing[place] ?? none, constant })),
    );
  }, parameters);
}

const none = new Float64Array();

function withBias(
  { site, bias }: Reader,
  parameters: Parameters,
  rows: readonly { readonly row: Float64Array; readonly constant: number }[],
): Parameters {
  if (!bias) return parameters;
  const old = parameters[bias.tensor] as Tensor;
  const data = convert(old, "float64").data.slice();
  const outputs = outputsOf(site, (parameters[site.tensor] as Tensor).shape, bias.axis);
  for (const { row, constant } of rows) {
    for (let i = 0; i < row.length; i++) {
      const output = outputs(i);
      data[output] = (data[output] as number) + constant * (row[i] as number);
    }
  }
  return { ...parameters, [bias.tensor]: tensor("float64", old.shape, data) };
}

/** Along another axis than that of the units, the index of an entry of their rows. */
function outputsOf({ axis, before, after }: UnitSite, shape: Shape, along: number): (entry: number) => number {
  const rest = shape.map((size, i) => (i === axis ? before * after : size));
  const stride = stridesOf(rest)[along] as number;
  const size = rest[along] as number;
  return (entry) => Math.floor(entry / stride) % size;
}
