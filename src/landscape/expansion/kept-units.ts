import type { Parameters } from "../../nets/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import { type Rows, rowsAt, withRows } from "./unit-rows.ts";

/** The parameters with some units of a layer only; `outgoing` are their weights, by site and unit, where they change. */
export function keptUnits(
  layer: HiddenLayer,
  parameters: Parameters,
  units: readonly number[],
  outgoing?: readonly Rows[],
): Parameters {
  const pick = (rows: Rows) => units.map((unit) => rows[unit] as Float64Array);
  const stored = (site: HiddenLayer["incoming"][number]) => rowsAt(site, parameters[site.tensor] as Tensor);
  return withRows(parameters, [
    ...layer.incoming.map((site) => ({ site, rows: pick(stored(site)) })),
    ...layer.outgoing.map((site, place) => ({ site, rows: pick(outgoing?.[place] ?? stored(site)) })),
  ]);
}
