import type { Parameters } from "../../nets/index.ts";
import type { UnitSite } from "../../symmetry/index.ts";
import { elementCount, type Tensor } from "../../tensor/index.ts";
import { type HiddenLayer, type Rows, rowsAt } from "../expansion/index.ts";

/** Where the incoming weights of the units lie, that of the bias last. */
export function incomingSites({ incoming, affine }: HiddenLayer): readonly UnitSite[] {
  const isBias = ({ tensor }: UnitSite) => tensor === affine?.bias;
  return [...incoming.filter((site) => !isBias(site)), ...incoming.filter(isBias)];
}

/** The incoming weights of each unit, with the bias behind them. */
export function incomingVectors(layer: HiddenLayer, parameters: Parameters): Float64Array[] {
  return vectorsAt(incomingSites(layer), parameters, layer.size);
}

/** The rows of units with these incoming vectors, at the sites of a layer. */
export function incomingRows(
  layer: HiddenLayer,
  parameters: Parameters,
  vectors: readonly Float64Array[],
): { readonly site: UnitSite; readonly rows: Rows }[] {
  let start = 0;
  return incomingSites(layer).map((site) => {
    const first = start;
    start += elementCount((parameters[site.tensor] as Tensor).shape) / layer.size;
    const end = start;
    return { site, rows: vectors.map((vector) => vector.slice(first, end)) };
  });
}

/** The outgoing weights of each unit. */
export function outgoingVectors({ outgoing, size }: HiddenLayer, parameters: Parameters): Float64Array[] {
  return vectorsAt(outgoing, parameters, size);
}

function vectorsAt(sites: readonly UnitSite[], parameters: Parameters, size: number): Float64Array[] {
  const rows = sites.map((site) => rowsAt(site, parameters[site.tensor] as Tensor));
  return Array.from({ length: size }, (_, unit) =>
    Float64Array.from(rows.flatMap((each) => [...(each[unit] as Float64Array)])),
  );
}
