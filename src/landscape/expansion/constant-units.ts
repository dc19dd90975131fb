import type { UnitSite } from "../../symmetry/index.ts";
import type { Tensor } from "../../tensor/index.ts";
import { norm } from "../../tensor/index.ts";
import { keptUnits } from "./kept-units.ts";
import type { LayerState } from "./layer-state.ts";
import { hasNextBiases, withConstant } from "./next-biases.ts";
import { type Rows, rowsAt } from "./unit-rows.ts";
import { unitOf } from "./unit-weights.ts";

/** A unit whose output does not depend on the input of the network. */
export interface ConstantUnit {
  readonly unit: number;
  readonly output: number;
}

/** The units without incoming weights, with their outputs where these are one number. */
export async function constantUnits({
  layer,
  f,
  parameters,
  thresholds,
}: Omit<LayerState, "found">): Promise<ConstantUnit[]> {
  const { affine, incoming } = layer;
  if (!affine || !f) return [];
  const rowsOf = (name: string | null) => {
    const site = incoming.find(({ tensor }) => tensor === name);
    return site ? rowsAt(site, parameters[site.tensor] as Tensor) : null;
  };
  const [weights, biases] = [rowsOf(affine.weight) as Rows, rowsOf(affine.bias)];
  const found: ConstantUnit[] = [];
  for (const [unit, row] of weights.entries()) {
    if (!(norm(row) <= thresholds.zero)) continue;
    const output = await f.at(biases?.[unit]?.[0] ?? 0);
    if (output !== null) found.push({ unit, output });
  }
  return found;
}

/** Puts the units without incoming weights into the biases of the next layer, where it has some. */
export async function withoutConstants(state: LayerState): Promise<LayerState> {
  const { layer, parameters, thresholds, found } = state;
  const rows = layer.outgoing.map((site: UnitSite) => rowsAt(site, parameters[site.tensor] as Tensor));
  const isAbsorbed = ({ unit, output }: ConstantUnit) =>
    hasNextBiases(layer) || unitOf(rows, unit).every((row) => Math.abs(output) * norm(row) <= thresholds.zero);
  const constants = (await constantUnits(state)).filter(isAbsorbed);
  if (constants.length === 0 || found.copies.length === 1) return state;
  const names = new Set(constants.map(({ unit }) => unit));
  const units = [...found.copies.keys()].filter((unit) => !names.has(unit));
  const changed = withConstant(
    layer,
    parameters,
    constants.map(({ unit, output }) => ({ outgoing: unitOf(rows, unit), constant: output })),
  );
  const silent = rows.map((each) => each.map((row) => row.map(() => 0)));
  return {
    ...state,
    // A layer has at least one unit; one that is left over is not read.
    parameters: units.length > 0 ? keptUnits(layer, changed, units) : keptUnits(layer, changed, [0], silent),
    found: {
      ...found,
      copies: (units.length > 0 ? units : [0]).map((unit) => found.copies[unit] as readonly number[]),
      constants: [
        ...found.constants,
        ...constants.flatMap(({ unit }) => (units.length > 0 || unit > 0 ? (found.copies[unit] ?? []) : [])),
      ],
    },
  };
}
