/**
 * The index of an axis, taken apart: a direct sum of segments, each a product of atoms in row-major order, the last of
 * which may again be a direct sum. An empty segment is a single index. Forms are kept in this one shape, so that two
 * axes of equal structure have equal forms.
 */
export type Form = readonly Segment[];
export type Segment = readonly Piece[];
export type Piece = number | Nested;
interface Nested {
  readonly sum: Form;
}

/** Why the order of an axis is fixed: the trace step that says so. */
export interface Pin {
  readonly why: string;
}

/**
 * Atoms that are tied to each other (union-find) and refined into forms as structure becomes known. The state is
 * owned by one discovery and never leaves it.
 */
export interface Atoms {
  readonly sizes: number[];
  readonly links: number[];
  readonly forms: (Form | null)[];
  readonly pins: (Pin | null)[];
}

/** No atoms yet. */
export function noAtoms(): Atoms {
  return { sizes: [], links: [], forms: [], pins: [] };
}

/** The form of a fresh axis of which nothing is known. */
export function freshForm(atoms: Atoms, size: number, pin: Pin | null = null): Form {
  return size === 1 ? unit : [[newAtom(atoms, size, pin)]];
}

const unit: Form = [[]];

function newAtom(atoms: Atoms, size: number, pin: Pin | null): number {
  atoms.sizes.push(size);
  atoms.links.push(atoms.links.length);
  atoms.forms.push(null);
  atoms.pins.push(pin);
  return atoms.links.length - 1;
}

/** The atom that stands for all that are tied to this one. */
export function rootOf({ links }: Atoms, atom: number): number {
  let root = atom;
  while (links[root] !== root) root = links[root] as number;
  let at = atom;
  while (links[at] !== root) [at, links[at]] = [links[at] as number, root];
  return root;
}

/** The product of forms, the first varying slowest. */
export function product(forms: readonly Form[]): Form {
  return forms.reduceRight((inner, outer) => times(outer, inner), unit);
}

function times(outer: Form, inner: Form): Form {
  if (isUnit(inner)) return outer;
  return outer.flatMap((segment) => (segment.length === 0 ? inner : [append(segment, inner)]));
}

function isUnit(form: Form): boolean {
  return form.length === 1 && form[0]?.length === 0;
}

function append(segment: Segment, inner: Form): Segment {
  const last = segment.at(-1);
  if (typeof last === "object") return [...segment.slice(0, -1), { sum: times(last.sum, inner) }];
  return inner.length === 1 ? [...segment, ...(inner[0] as Segment)] : [...segment, { sum: inner }];
}

/** The form as it is known by now, in terms of atoms that stand for themselves. */
export function resolve(atoms: Atoms, form: Form): Form {
  return form.flatMap((segment) => product(segment.map((piece) => resolvePiece(atoms, piece))));
}

function resolvePiece(atoms: Atoms, piece: Piece): Form {
  if (typeof piece === "object") return resolve(atoms, piece.sum);
  const root = rootOf(atoms, piece);
  const form = atoms.forms[root];
  return form ? resolve(atoms, form) : [[root]];
}

/** Number of indices. */
export function sizeOf(atoms: Atoms, form: Form): number {
  return form.reduce((sum, segment) => sum + segmentSize(atoms, segment), 0);
}

function segmentSize(atoms: Atoms, segment: Segment): number {
  return segment.reduce<number>((size, piece) => size * pieceSize(atoms, piece), 1);
}

function pieceSize(atoms: Atoms, piece: Piece): number {
  return typeof piece === "object" ? sizeOf(atoms, piece.sum) : (atoms.sizes[piece] as number);
}

/** Every atom of a resolved form, in order. */
export function atomsOf(form: Form): number[] {
  return form.flatMap((segment) =>
    segment.flatMap((piece) => (typeof piece === "object" ? atomsOf(piece.sum) : piece)),
  );
}

/** Fixes the order of every atom of a form. */
export function pin(atoms: Atoms, form: Form, why: Pin): void {
  for (const atom of atomsOf(resolve(atoms, form))) atoms.pins[atom] ??= why;
}

/**
 * Ties two forms of equal size, index by index, refining atoms where one form knows more than the other. False where
 * the two cut the axis into blocks that do not fit each other; both are then pinned.
 */
export function unify(atoms: Atoms, a: Form, b: Form, why: Pin): boolean {
  let [left, right] = [resolve(atoms, a), resolve(atoms, b)];
  let fits = true;
  while (left.length > 0 && right.length > 0) {
    const [x, y] = [left[0] as Segment, right[0] as Segment];
    const [m, n] = [segmentSize(atoms, x), segmentSize(atoms, y)];
    if (m === n) {
      fits = unifySegments(atoms, x, y, why) && fits;
      [left, right] = [left.slice(1), right.slice(1)];
    } else {
      cut(atoms, m < n ? y : x, Math.min(m, n));
    }
    [left, right] = [resolve(atoms, left), resolve(atoms, right)];
  }
  return fits;
}

/** Refines the leading atom of a segment so that a boundary falls at, or nearer to, index `at`. */
function cut(atoms: Atoms, segment: Segment, at: number): void {
  const [leading, ...rest] = segment as [number, ...Piece[]];
  const inner = segmentSize(atoms, rest);
  const whole = atoms.sizes[leading] as number;
  const before = Math.floor(at / inner);
  const parts = at % inner === 0 ? [before, whole - before] : [before, 1, whole - before - 1];
  const pinned = atoms.pins[leading] ?? null;
  atoms.forms[leading] = parts.filter((size) => size > 0).flatMap((size) => freshForm(atoms, size, pinned));
}

function unifySegments(atoms: Atoms, x: Segment, y: Segment, why: Pin): boolean {
  const [p, q] = [x[0], y[0]];
  if (p === undefined || q === undefined) return true;
  if (typeof p === "object" || typeof q === "object") return unify(atoms, listOf(x), listOf(y), why);
  const [m, n] = [atoms.sizes[p] as number, atoms.sizes[q] as number];
  if (m % n !== 0 && n % m !== 0) {
    pin(atoms, [x], why);
    pin(atoms, [y], why);
    return false;
  }
  if (m === n) tie(atoms, p, q);
  else if (m > n) refine(atoms, p, q);
  else refine(atoms, q, p);
  const restX = m > n ? [[innerOf(atoms, p), ...x.slice(1)]] : [x.slice(1)];
  const restY = n > m ? [[innerOf(atoms, q), ...y.slice(1)]] : [y.slice(1)];
  return unify(atoms, restX, restY, why);
}

/** What is left of an atom that has just been refined. */
function innerOf({ forms }: Atoms, atom: number): number {
  return forms[atom]?.[0]?.[1] as number;
}

function listOf(segment: Segment): Form {
  const [first] = segment;
  return typeof first === "object" ? first.sum : [segment];
}

function tie(atoms: Atoms, p: number, q: number): void {
  if (p === q) return;
  atoms.links[q] = p;
  atoms.pins[p] ??= atoms.pins[q] ?? null;
}

/** Makes the larger atom a product of the smaller one and what is left. */
function refine(atoms: Atoms, larger: number, smaller: number): void {
  const pinned = atoms.pins[larger] ?? null;
  const inner = newAtom(atoms, (atoms.sizes[larger] as number) / (atoms.sizes[smaller] as number), pinned);
  atoms.forms[larger] = [[smaller, inner]];
  atoms.pins[smaller] ??= pinned;
}
