import { readFile } from "node:fs/promises";
import { check, InputError } from "../errors.ts";
import { writeFileAtomically } from "../node/index.ts";
import type { Factor, GroupElement, SymmetryGroup } from "../symmetry/index.ts";

/** What a sidecar says of an alignment: enough to do it again without the first checkpoint. */
export interface Sidecar {
  readonly orbifold: string;
  readonly command: "align";
  readonly method: string;
  readonly seed: number;
  readonly restarts: number;
  /** The checkpoint that was moved, and what it was moved towards, with digests of their weights. */
  readonly inputs: { readonly a: SidecarInput; readonly b: SidecarInput };
  readonly output: string;
  readonly objective: { readonly before: number; readonly after: number; readonly bound: number };
  readonly element: {
    readonly permutations: readonly (readonly number[])[];
    readonly scales: readonly (readonly number[])[];
  };
}

export interface SidecarInput {
  readonly path: string;
  readonly digest: string;
  /** The options that said which network it is. */
  readonly options: Readonly<Record<string, string | true>>;
}

/** An element as plain numbers. */
export function elementToJson({ permutations, scales }: GroupElement): Sidecar["element"] {
  return { permutations: permutations.map((units) => [...units]), scales: scales.map((each) => [...each]) };
}

/** Writes the sidecar of an output beside it. */
export async function writeSidecar(path: string, sidecar: Sidecar, force: boolean): Promise<void> {
  await writeFileAtomically(path, [new TextEncoder().encode(`${JSON.stringify(sidecar)}\n`)], { force });
}

/** Reads a sidecar; its element is checked against a group by `elementFromJson`. */
export async function readSidecar(path: string): Promise<Sidecar> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new InputError({ code: "unreadable", where: path, message: `cannot be read: ${cause.code}`, cause });
  });
  const parsed = parse(text) as Partial<Sidecar> | null;
  const isWhole =
    parsed?.command === "align" &&
    typeof parsed.inputs?.b?.path === "string" &&
    typeof parsed.inputs.b.digest === "string" &&
    typeof parsed.output === "string" &&
    Array.isArray(parsed.element?.permutations) &&
    Array.isArray(parsed.element.scales);
  check(isWhole, () => ({
    code: "bad-sidecar",
    where: path,
    message: "expected the sidecar of an alignment, got something else",
    remedy: "name the .json file that orbifold align wrote",
  }));
  return parsed as Sidecar;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The element of a sidecar, if it is one of the group. */
export function elementFromJson(group: SymmetryGroup, element: Sidecar["element"], where: string): GroupElement {
  const fits =
    element.permutations.length === group.factors.length &&
    element.permutations.every((units, i) => isPermutation(units, group.factors[i] as Factor)) &&
    element.scales.length === group.generators.length &&
    element.scales.every((each, i) => {
      const { size, copies } = group.factors[group.generators[i]?.factor ?? -1] ?? { size: 0, copies: 0 };
      return each.length === size * copies && each.every((scale) => Number.isFinite(scale) && scale !== 0);
    });
  check(fits, () => ({
    code: "bad-sidecar",
    where,
    message: "expected an element of the network's group, got another",
    remedy: "replay it with the network that was aligned",
  }));
  return {
    permutations: element.permutations.map((units) => Int32Array.from(units)),
    scales: element.scales.map((each) => Float64Array.from(each)),
  };
}

function isPermutation(units: readonly number[], { size, copies }: Factor): boolean {
  if (units.length !== size * copies) return false;
  return Array.from({ length: copies }, (_, copy) => new Set(units.slice(copy * size, (copy + 1) * size))).every(
    (seen) => seen.size === size && [...seen].every((unit) => Number.isInteger(unit) && unit >= 0 && unit < size),
  );
}
