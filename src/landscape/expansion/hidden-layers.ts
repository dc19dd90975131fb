import { check, InputError } from "../../errors.ts";
import { type MlpOptions, mlp, type Network } from "../../nets/index.ts";
import { discoverNetwork, type UnitRoles, unitRoles } from "../../symmetry/index.ts";

/** A hidden layer whose units can be copied, added and merged: a factor of the symmetry group with single units. */
export interface HiddenLayer extends UnitRoles {
  /** Where it stands among the factors of the group. */
  readonly index: number;
}

/** A factor of the symmetry group that is no such layer, with the reason. */
export interface OtherUnits {
  readonly index: number;
  readonly name: string;
  readonly reason: InputError;
}

/** The hidden layers of a network by their place among the factors of its symmetry group, and the other factors. */
export function hiddenLayers(network: Network): (HiddenLayer | OtherUnits)[] {
  const discovery = discoverNetwork(withTwoUnits(network));
  return discovery.group.factors.map(({ name }, index) => {
    try {
      const roles = unitRoles(discovery, index);
      return { ...roles, size: unitsOf(network, roles), index };
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      return { index, name, reason: error };
    }
  });
}

/** Whether the units of a factor can be copied, added and merged. */
export function isHiddenLayer(layer: HiddenLayer | OtherUnits): layer is HiddenLayer {
  return !("reason" in layer);
}

/** The hidden layer with this name, such as `layers.0`, or this place among the factors. */
export function hiddenLayer(network: Network, which: string | number): HiddenLayer {
  const layers = hiddenLayers(network);
  const found = layers.find(({ index, name }) => name === which || String(index) === String(which));
  check(found, () => ({
    code: "no-layer",
    where: `layer ${JSON.stringify(which)}`,
    message: `expected one of ${layers.map(({ name, index }) => `${index} (${name})`).join(", ") || "no layers"}`,
    remedy: "name one of them",
  }));
  if (!isHiddenLayer(found)) throw found.reason;
  return found;
}

/** Throws unless these are two units of the layer. */
export function checkPair({ size, name }: HiddenLayer, units: readonly [number, number]): void {
  const where = `layer ${JSON.stringify(name)}`;
  const isUnit = (unit: number) => Number.isInteger(unit) && unit >= 0 && unit < size;
  check(size > 1, () => ({ code: "no-unit", where, message: "expected at least two units, got one" }));
  check(units.every(isUnit), () => ({
    code: "no-unit",
    where,
    message: `expected two units from 0 to ${size - 1}, got ${units.join(" and ")}`,
  }));
  check(units[0] !== units[1], () => ({
    code: "no-unit",
    where,
    message: `expected two different units, got ${units[0]} twice`,
  }));
}

/** A single unit has nothing to be exchanged with, so the group does not show it: two in its place have the same roles. */
function withTwoUnits(network: Network): Network {
  const { description } = network;
  if (description.net !== "mlp") return network;
  const options = description as unknown as MlpOptions;
  return mlp({ ...options, widths: options.widths.map((width) => Math.max(width, 2)) });
}

function unitsOf({ parameters }: Network, { outgoing }: UnitRoles): number {
  const [{ tensor, axis, before, after }] = outgoing as readonly [UnitRoles["outgoing"][number]];
  const spec = parameters.find(({ name }) => name === tensor);
  return (spec?.shape[axis] as number) / (before * after);
}
