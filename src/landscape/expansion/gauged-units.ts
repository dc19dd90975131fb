import type { Parameters } from "../../nets/index.ts";
import type { UnitSite } from "../../symmetry/index.ts";
import { dot, fold, norm, normal, rngKey, type Tensor } from "../../tensor/index.ts";
import type { HiddenLayer } from "./hidden-layers.ts";
import { type Rows, rowsAt } from "./unit-rows.ts";

/** The units of a layer, their scales and signs taken out, so that units that differ by these alone are equal. */
export interface GaugedUnits {
  readonly count: number;
  /** For each incoming site, in the order of the layer. */
  readonly incoming: readonly Rows[];
  /** For each outgoing site. */
  readonly outgoing: readonly Rows[];
  /** Outgoing entries of a unit without its gauge; those that are its own as they are stored, not rounded. */
  ungauged(place: number, unit: number, row: Float64Array): Float64Array;
}

/**
 * The units of a layer in a gauge that their incoming weights alone decide: each scale makes the first weights that it
 * changes a vector of length 1, each sign makes their product with a fixed random vector positive.
 */
export function gaugedUnits(layer: HiddenLayer, parameters: Parameters): GaugedUnits {
  const raw = layer.incoming.map((site) => rowsAt(site, parameters[site.tensor] as Tensor));
  const outgoing = layer.outgoing.map((site) => rowsAt(site, parameters[site.tensor] as Tensor));
  const count = raw[0]?.length ?? 0;
  let incoming: readonly Rows[] = raw;
  const scales = new Map<number, Float64Array>();
  for (const { number, kind } of layer.generators) {
    const place = layer.incoming.findIndex((site) => exponentOf(site, number) !== 0);
    const rows = incoming[place];
    if (!rows) continue;
    const exponent = exponentOf(layer.incoming[place] as UnitSite, number);
    const own = Float64Array.from(rows, kind === "scale" ? (row) => norm(row) ** (-1 / exponent) : signOf).map(
      (scale) => (Number.isFinite(scale) ? scale : 1),
    );
    scales.set(number, own);
    incoming = incoming.map((each, i) => {
      const site = layer.incoming[i] as UnitSite;
      const power = exponentOf(site, number);
      return each.map((row, unit) => times(row, (own[unit] as number) ** power, site.offset));
    });
  }
  const factorAt = (site: UnitSite, unit: number) =>
    site.powers.reduce(
      (factor, { generator, exponent }) => factor * (scales.get(generator)?.[unit] ?? 1) ** exponent,
      1,
    );
  const gauged = outgoing.map((rows, place) =>
    rows.map((row, unit) => times(row, factorAt(layer.outgoing[place] as UnitSite, unit))),
  );
  const ungauged = (place: number, unit: number, row: Float64Array) =>
    row === gauged[place]?.[unit]
      ? (outgoing[place]?.[unit] as Float64Array)
      : times(row, 1 / factorAt(layer.outgoing[place] as UnitSite, unit));
  return { count, incoming, outgoing: gauged, ungauged };
}

function exponentOf({ powers }: UnitSite, number: number): number {
  return powers.find(({ generator }) => generator === number)?.exponent ?? 0;
}

function times(row: Float64Array, factor: number, offset = 0): Float64Array {
  return factor === 1 ? row : row.map((x) => (x + offset) * factor - offset);
}

/** On which side of a fixed plane in general position a vector lies. */
function signOf(row: Float64Array): number {
  const plane = normal(fold(rngKey(0), "sign of a unit"), [row.length], { dtype: "float64" }).data;
  return dot(row, plane) < 0 ? -1 : 1;
}
