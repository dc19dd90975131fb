import { readFile } from "node:fs/promises";
import { dirname, isAbsolute, join, relative } from "node:path";
import type { Rotation } from "../align/index.ts";
import { check, InputError } from "../errors.ts";
import { writeFileAtomically } from "../node/index.ts";
import type { Factor, GroupElement, SymmetryGroup } from "../symmetry/index.ts";

/** What a sidecar says of an alignment: enough to do it again without the first checkpoint. */
export interface Sidecar {
  readonly orbifold: string;
  readonly command: "align";
  readonly method: string;
  readonly seed: number;
  readonly restarts: number | null;
  /** What the second checkpoint was moved towards, and that checkpoint. */
  readonly inputs: { readonly a: DigestedFile; readonly b: DigestedFile };
  /** The options that said which network they are. */
  readonly options: Readonly<Record<string, string | true>>;
  readonly output: DigestedFile;
  readonly objective: { readonly before: number; readonly after: number; readonly bound: number };
  readonly element: {
    readonly permutations: readonly (readonly number[])[];
    readonly scales: readonly (readonly number[])[];
  };
  /** By factor the matrices that act before the element, float64 in base64; null where none does. */
  readonly matrices?: readonly (string | null)[];
}

/** A file, with the digest of the weights in it. */
export interface DigestedFile {
  readonly path: string;
  readonly digest: string;
}

/** An element as plain numbers. */
export function elementToJson({ permutations, scales }: GroupElement): Sidecar["element"] {
  return { permutations: permutations.map((units) => [...units]), scales: scales.map((each) => [...each]) };
}

/** Matrices as base64 of their little-endian bytes. */
export function matricesToJson(matrices: Rotation["matrices"]): readonly (string | null)[] {
  return matrices.map((each) => each && Buffer.from(each.buffer, each.byteOffset, each.byteLength).toString("base64"));
}

interface SidecarWriting {
  readonly force: boolean;
  readonly writeOutput: () => Promise<void>;
}

/**
 * Writes the sidecar of an output, and the output: that only once the sidecar is on the disk under another name, so that
 * neither appears where one of them cannot be written. Paths are kept as they are seen from the sidecar's folder.
 */
export async function writeSidecar(path: string, sidecar: Sidecar, writing: SidecarWriting): Promise<void> {
  const seen = (file: string) => (isAbsolute(file) ? file : relative(dirname(path), file));
  const text = `${JSON.stringify(withPaths(sidecar, seen))}\n`;
  await writeFileAtomically(path, thenOutput(text, writing), { force: writing.force });
}

async function* thenOutput(text: string, { writeOutput }: SidecarWriting): AsyncGenerator<Uint8Array> {
  yield new TextEncoder().encode(text);
  await writeOutput();
}

/** Reads a sidecar; its element is checked against a group by `elementFromJson`. */
export async function readSidecar(path: string): Promise<Sidecar> {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    throw new InputError({ code: "unreadable", where: path, message: `cannot be read: ${cause.code}`, cause });
  });
  const parsed = parse(text) as Partial<Sidecar> | null;
  const isWhole =
    parsed?.command === "align" &&
    [parsed.inputs?.a, parsed.inputs?.b, parsed.output].every(isDigested) &&
    typeof parsed.options === "object" &&
    parsed.options !== null &&
    Array.isArray(parsed.element?.permutations) &&
    Array.isArray(parsed.element.scales) &&
    (parsed.matrices === undefined || Array.isArray(parsed.matrices));
  check(isWhole, () => ({
    code: "bad-sidecar",
    where: path,
    message: "expected the sidecar of an alignment, got something else",
    remedy: "name the .json file that orbifold align wrote",
  }));
  return withPaths(parsed as Sidecar, (file) => (isAbsolute(file) ? file : join(dirname(path), file)));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function isDigested(file: DigestedFile | undefined): boolean {
  return typeof file?.path === "string" && typeof file.digest === "string";
}

function withPaths(sidecar: Sidecar, change: (path: string) => string): Sidecar {
  const { inputs, options, output } = sidecar;
  const changed = (file: DigestedFile): DigestedFile => ({ ...file, path: change(file.path) });
  return {
    ...sidecar,
    inputs: { a: changed(inputs.a), b: changed(inputs.b) },
    options: typeof options.graph === "string" ? { ...options, graph: change(options.graph) } : options,
    output: changed(output),
  };
}

/** The element of a sidecar, if it is one of the group. */
export function elementFromJson(group: SymmetryGroup, element: Sidecar["element"], where: string): GroupElement {
  const { factors, generators } = group;
  const { permutations, scales } = element;
  const fits =
    permutations.length === factors.length &&
    factors.every((factor, i) => isPermutation(permutations[i], factor)) &&
    scales.length === generators.length &&
    generators.every(({ kind, factor }, i) => areScales(scales[i], factors[factor] as Factor, kind));
  check(fits, () => ({
    code: "bad-sidecar",
    where,
    message: "expected an element of the network's group, got another",
    remedy: "replay it with the network that was aligned",
  }));
  return {
    permutations: permutations.map((units) => Int32Array.from(units)),
    scales: scales.map((each) => Float64Array.from(each)),
  };
}

/** The matrices of a sidecar, if they are some of the group's. */
export function matricesFromJson(
  { factors }: SymmetryGroup,
  matrices: readonly (string | null)[],
  where: string,
): Rotation["matrices"] {
  const read = matrices.map((each) => (typeof each === "string" ? numbersIn(each) : null));
  const fits = read.length === factors.length && factors.every((factor, i) => areMatrices(read[i] ?? null, factor));
  check(fits, () => ({
    code: "bad-sidecar",
    where,
    message: "expected matrices of the network's group, got others",
    remedy: "replay it with the network that was aligned",
  }));
  return read;
}

function numbersIn(base64: string): Float64Array {
  const bytes = Uint8Array.from(Buffer.from(base64, "base64"));
  return new Float64Array(bytes.buffer, 0, Math.floor(bytes.length / Float64Array.BYTES_PER_ELEMENT));
}

function areMatrices(own: Float64Array | null, { matrix, size, copies }: Factor): boolean {
  if (own === null) return true;
  const columns = matrix === "rotary" ? 2 : size;
  return matrix !== null && own.length === copies * size * columns && own.every(Number.isFinite);
}

function isPermutation(units: readonly number[] | undefined, { size, copies, permutes }: Factor): boolean {
  if (!Array.isArray(units) || units.length !== size * copies) return false;
  if (!permutes) return units.every((unit, place) => unit === place % size);
  return Array.from({ length: copies }, (_, copy) => new Set(units.slice(copy * size, (copy + 1) * size))).every(
    (seen) => seen.size === size && [...seen].every((unit) => Number.isInteger(unit) && unit >= 0 && unit < size),
  );
}

function areScales(scales: readonly number[] | undefined, { size, copies }: Factor, kind: "scale" | "sign"): boolean {
  if (!Array.isArray(scales) || scales.length !== size * copies) return false;
  return scales.every((scale) => (kind === "sign" ? Math.abs(scale) === 1 : Number.isFinite(scale) && scale > 0));
}
