import type { TensorEntry } from "../checkpoint/index.ts";
import { InputError } from "../errors.ts";
import { formatShape, type Shape, sameShape } from "../tensor/index.ts";
import type { NetworkDescription, ParameterSpec } from "./network.ts";

/** The tensors of a checkpoint by name, as its table of contents describes them. */
export type StoredTensors = ReadonlyMap<string, Pick<TensorEntry, "shape" | "sharedWith">>;

/** Which tensor of a checkpoint is which parameter of a network. */
export interface Pairing {
  /** The name in the file of every parameter. */
  readonly names: ReadonlyMap<string, string>;
  /** Tensors that the network has no use for, but for the counters and tables that frameworks store. */
  readonly extra: readonly string[];
}

/** A network as far as its tensors are concerned. */
export interface WantedTensors {
  readonly description: Pick<NetworkDescription, "net">;
  readonly parameters: readonly Pick<ParameterSpec, "name" | "shape">[];
}

/**
 * Finds the parameters of a network in a checkpoint, by names with or without the wrappers in which frameworks put a
 * model. Throws one error that says everything that is missing or of another shape.
 *
 * @param where the file's name, for error messages
 */
export function pair(network: WantedTensors, entries: StoredTensors, where: string): Pairing {
  const found = compare(network, entries);
  if (found.missing.length > 0 || found.misshapen.length > 0) throw mismatch(network, found, where);
  return found;
}

/** What modules, compilers and training loops put before the names of the model inside. */
const wrappers = new Set(["module", "model", "net", "network", "state_dict", "model_state_dict", "transformer", "vit"]);
/** What compilers and sharding put anywhere into the names. */
const transparent = new Set(["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"]);

/** The wrappers before a name, with their dots. */
export function wrapperOf(name: string): string {
  const parts = name.split(".").slice(0, -1);
  const first = parts.findIndex((part) => !wrappers.has(part) && !transparent.has(part));
  return (first < 0 ? parts : parts.slice(0, first)).map((part) => `${part}.`).join("");
}

/** A name without wrappers. */
export function bareName(name: string): string {
  const parts = name.slice(wrapperOf(name).length).split(".");
  return parts.filter((part) => !transparent.has(part)).join(".");
}

/** How a checkpoint differs from what a network wants. */
export interface Comparison extends Pairing {
  readonly missing: readonly string[];
  readonly misshapen: readonly { readonly name: string; readonly stored: Shape; readonly wanted: Shape }[];
}

/** The same as `pair`, with what is wrong as data. */
export function compare({ parameters }: WantedTensors, entries: StoredTensors): Comparison {
  const find = finder(
    [...entries.keys()],
    parameters.map(({ name }) => name),
  );
  const names = new Map<string, string>();
  const missing: string[] = [];
  const misshapen: Comparison["misshapen"][number][] = [];
  for (const { name, shape } of parameters) {
    const stored = find(name);
    if (stored === undefined) {
      missing.push(name);
      continue;
    }
    names.set(name, stored);
    const entry = entries.get(stored) as { readonly shape: Shape };
    if (!sameShape(entry.shape, shape)) misshapen.push({ name: stored, stored: entry.shape, wanted: shape });
  }
  const used = new Set(names.values());
  const extra = [...entries.keys()].filter((name) => !used.has(name) && !byproducts.test(name));
  return { names, missing, misshapen, extra };
}

/** Counters and tables that frameworks store beside the weights, and that the networks here compute. */
const byproducts = /(^|\.)(num_batches_tracked|attn\.(masked_)?bias|rotary_emb\.inv_freq)$/;

/** Finds a wanted name among the stored ones; by its bare name only where that leaves no doubt. */
function finder(stored: readonly string[], wanted: readonly string[]): (name: string) => string | undefined {
  const exact = new Set(stored);
  const [sole, asked] = [byBareName(stored), byBareName(wanted)];
  return (name) => {
    if (exact.has(name)) return name;
    const bare = bareName(name);
    return asked.has(bare) ? sole.get(bare) : undefined;
  };
}

/** The names by their bare forms, without those that share one. */
function byBareName(names: readonly string[]): ReadonlyMap<string, string> {
  const groups = [...Map.groupBy(names, bareName)];
  return new Map(
    groups.flatMap(([bare, [name, ...others]]) => (name !== undefined && others.length === 0 ? [[bare, name]] : [])),
  );
}

/** The error that says how a checkpoint differs from what a network wants. */
export function mismatch(
  { description, parameters }: WantedTensors,
  { names, missing, misshapen, extra }: Comparison,
  where: string,
): InputError {
  const shapes = misshapen.slice(0, 3).map(({ name, stored, wanted }) => {
    const turned = sameShape(stored, wanted.toReversed()) ? ": transposed" : "";
    return `"${name}" is stored ${formatShape(stored)}, the graph wants ${formatShape(wanted)}${turned}`;
  });
  const differences = [
    ...(missing.length > 0 ? [`missing ${quoted(missing)}`] : []),
    ...(extra.length > 0 ? [`unknown ${quoted(extra)}`] : []),
    ...shapes,
    ...(misshapen.length > 3 ? [`${misshapen.length - 3} more of another shape`] : []),
  ];
  return new InputError({
    code: "bad-parameters",
    where,
    message: `expected the ${parameters.length} tensors of ${description.net}, got ${names.size - misshapen.length} of them; ${differences.join("; ")}`,
    remedy: "name the network that the weights are for",
  });
}

function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  return `${shown.join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`;
}
