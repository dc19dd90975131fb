import { describe, expect, it } from "vitest";
import { fold, permutation, type RngKey, rngKey, uniform } from "../tensor/index.ts";
import {
  type Atoms,
  atomsOf,
  type Form,
  freshForm,
  noAtoms,
  type Piece,
  pin,
  product,
  resolve,
  rootOf,
  sizeOf,
  unify,
} from "./axis-form.ts";

const trials = 300;
const why = { why: "a test" };

function draw(key: RngKey, below: number): number {
  return Math.floor(uniform(key, [1], { dtype: "float64", high: below }).data[0] as number);
}

/** Every index of a resolved form as the list of (atom, position in the atom) that it stands for, by brute force. */
function entries(atoms: Atoms, form: Form): string[] {
  return form.flatMap((segment) =>
    segment.reduce<string[]>(
      (prefixes, piece) => prefixes.flatMap((prefix) => pieceEntries(atoms, piece).map((own) => prefix + own)),
      [""],
    ),
  );
}

function pieceEntries(atoms: Atoms, piece: Piece): string[] {
  if (typeof piece === "object") return entries(atoms, piece.sum);
  return Array.from({ length: atoms.sizes[piece] as number }, (_, i) => ` ${piece}.${i}`);
}

describe("direct sums", () => {
  /** Axes that are cut and tied at random, with every single index in a union-find of its own. */
  function run(key: RngKey) {
    const atoms = noAtoms();
    const sizes = Array.from({ length: 4 }, (_, i) => 2 + draw(fold(key, "size", i), 8));
    const axes = sizes.map((size) => freshForm(atoms, size));
    const starts = sizes.map((_, i) => sizes.slice(0, i).reduce((a, b) => a + b, 0));
    const total = sizes.reduce((a, b) => a + b, 0);
    const roots = cells(total);
    const joins: [number, number][] = [];
    const cuts = new Set<number>(starts);
    for (let op = 0; op < 5; op++) {
      const order = permutation(fold(key, "order", op), 4);
      const [a, b, c, d] = [...order] as [number, number, number, number];
      // Either two axes joined end to end are two others, as far as these reach, or a range of one is a range of another.
      const left = [...range(starts, sizes, a), ...range(starts, sizes, b)];
      const right = [...range(starts, sizes, c), ...range(starts, sizes, d)];
      const length = Math.min(left.length, right.length);
      const padding = (extra: number) => (extra > 0 ? freshForm(atoms, extra) : []);
      const form = (x: number, y: number, own: number) => [
        ...(axes[x] as Form),
        ...(axes[y] as Form),
        ...padding(Math.max(left.length, right.length) - own),
      ];
      expect(unify(atoms, form(a, b, left.length), form(c, d, right.length), why)).toBe(true);
      for (let i = 0; i < length; i++) joins.push([left[i] as number, right[i] as number]);
      // Where the shorter side ends, the longer one is cut.
      if (left.length > length) cuts.add(left[length] as number);
      if (right.length > length) cuts.add(right[length] as number);
    }
    for (const [x, y] of joins) {
      const [p, q] = [roots[x] as number, roots[y] as number];
      for (const cell of cells(total)) if (roots[cell] === q) roots[cell] = p;
    }
    spread(cuts, joins, { starts, total });
    return { atoms, axes, sizes, starts, roots, cuts, total };
  }

  const cells = (count: number) => Array.from({ length: count }, (_, i) => i);

  function range(starts: readonly number[], sizes: readonly number[], axis: number): number[] {
    return Array.from({ length: sizes[axis] as number }, (_, i) => (starts[axis] as number) + i);
  }

  /** A boundary before one cell is one before every cell tied to it, and where two ties do not go on in step. */
  function spread(
    cuts: Set<number>,
    joins: readonly [number, number][],
    { starts, total }: { starts: number[]; total: number },
  ): void {
    const follows = (cell: number) => cell + 1 < total && !starts.includes(cell + 1);
    const ties = new Set(joins.map(([x, y]) => `${x} ${y}`));
    for (const [x, y] of joins) {
      const goOn = ties.has(`${x + 1} ${y + 1}`);
      if (!goOn && follows(x)) cuts.add(x + 1);
      if (!goOn && follows(y)) cuts.add(y + 1);
    }
    for (let size = -1; size !== cuts.size; ) {
      size = cuts.size;
      for (const [x, y] of joins) {
        if (cuts.has(x)) cuts.add(y);
        if (cuts.has(y)) cuts.add(x);
        if (follows(x) && cuts.has(x + 1) && follows(y)) cuts.add(y + 1);
        if (follows(y) && cuts.has(y + 1) && follows(x)) cuts.add(x + 1);
      }
    }
  }

  it("tie exactly the entries that brute force ties, and cut nowhere else", () => {
    for (let trial = 0; trial < trials; trial++) {
      const { atoms, axes, sizes, roots, cuts, starts, total } = run(fold(rngKey(1), trial));
      const labels = axes.flatMap((axis) => entries(atoms, resolve(atoms, axis)));
      expect(labels.length).toBe(total);
      for (const [axis, form] of axes.entries()) expect(sizeOf(atoms, resolve(atoms, form))).toBe(sizes[axis]);
      const atomAt = labels.map((label) => label.split(".")[0]);
      for (let x = 0; x < total; x++) {
        const isSingle = labels[x] === "";
        const compared = cells(x).filter((y) => !isSingle || labels[y] !== "");
        for (const y of compared)
          expect(labels[x] === labels[y], `trial ${trial}: ${x} ${y}`).toBe(roots[x] === roots[y]);
        const isCut = starts.includes(x) || cuts.has(x);
        // The position in an atom starts again at 0; a single entry belongs to none.
        const goesOn = x > 0 && !isSingle && atomAt[x] === atomAt[x - 1] && !labels[x]?.endsWith(".0");
        expect(goesOn, `trial ${trial}: a boundary before ${x}`).toBe(!isCut);
      }
    }
  });
});

describe("products", () => {
  /** A random way of writing a number as a product. */
  function factorization(key: RngKey, size: number): number[] {
    const divisors = Array.from({ length: size }, (_, i) => i + 1).filter((d) => d > 1 && size % d === 0);
    if (divisors.length === 0) return [];
    const first = divisors[draw(fold(key, "divisor"), divisors.length)] as number;
    return [first, ...factorization(fold(key, "rest"), size / first)];
  }

  const steps = (factors: readonly number[]) =>
    factors.map((_, i) => factors.slice(0, i + 1).reduce((a, b) => a * b, 1));

  it("have the common refinement of all their factorisations, or are pinned where they have none", () => {
    let [fitting, clashing] = [0, 0];
    for (let trial = 0; trial < trials; trial++) {
      const key = fold(rngKey(2), trial);
      const size = [12, 24, 36, 30, 64, 72][draw(fold(key, "size"), 6)] as number;
      const [f, g] = [factorization(fold(key, "f"), size), factorization(fold(key, "g"), size)];
      const atoms = noAtoms();
      const axis = freshForm(atoms, size);
      const [a, b] = [f, g].map((factors) => product(factors.map((each) => freshForm(atoms, each)))) as [Form, Form];
      const fits = [unify(atoms, axis, a, why), unify(atoms, axis, b, why)].every(Boolean);
      // The sizes of the blocks of either, from the outside in, must divide each other in turn.
      const chain = [...new Set([...steps(f), ...steps(g)])].sort((x, y) => x - y);
      const isChain = chain.every((each, i) => i === 0 || each % (chain[i - 1] as number) === 0);
      expect(fits, `${f} and ${g}`).toBe(isChain);
      const resolved = resolve(atoms, axis);
      expect(resolve(atoms, a)).toEqual(resolved);
      if (isChain) {
        fitting++;
        const sizes = atomsOf(resolved).map((atom) => atoms.sizes[atom]);
        expect(sizes).toEqual(chain.map((each, i) => each / (chain[i - 1] ?? 1)));
        expect(resolve(atoms, b)).toEqual(resolved);
        expect(atoms.pins.every((each) => each === null)).toBe(true);
      } else {
        clashing++;
        const [last] = [atomsOf(resolved).at(-1) as number];
        expect(atoms.pins[last]).toEqual(why);
        expect(atoms.pins[atomsOf(resolve(atoms, b)).at(-1) as number]).toEqual(why);
      }
    }
    expect(Math.min(fitting, clashing)).toBeGreaterThan(20);
  });

  it("pin [4, 6] and [6, 4]", () => {
    const atoms = noAtoms();
    const [a, b] = [
      [4, 6],
      [6, 4],
    ].map((sizes) => product(sizes.map((size) => freshForm(atoms, size)))) as [Form, Form];
    expect(unify(atoms, a, b, why)).toBe(false);
    expect([...atomsOf(a), ...atomsOf(b)].map((atom) => atoms.pins[rootOf(atoms, atom)])).toEqual([why, why, why, why]);
  });

  it("distribute over sums in row-major order", () => {
    const atoms = noAtoms();
    const [a, b, c] = [2, 3, 2].map((size) => freshForm(atoms, size)) as [Form, Form, Form];
    const [x, y, z] = [a, b, c].map((form) => atomsOf(form)[0] as number) as [number, number, number];
    expect(product([[...a, ...b], c])).toEqual([
      [x, z],
      [y, z],
    ]);
    expect(product([c, [...a, ...b]])).toEqual([[z, { sum: [[x], [y]] }]]);
    expect(product([freshForm(atoms, 1), c, freshForm(atoms, 1)])).toEqual(c);
    expect(product([])).toEqual([[]]);
  });
});

describe("random nestings", () => {
  /** A random sum or product of new axes. */
  function nesting(atoms: Atoms, key: RngKey, depth: number): Form {
    const kind = depth === 0 ? 0 : draw(fold(key, "kind"), 3);
    if (kind === 0) return freshForm(atoms, 1 + draw(fold(key, "size"), 4));
    const parts = [0, 1].map((i) => nesting(atoms, fold(key, i), depth - 1));
    return kind === 1 ? parts.flat() : product(parts.map((part) => [[{ sum: part }]]));
  }

  it("keep their sizes and every tie whatever is tied later, and share nothing that was not tied", () => {
    for (let trial = 0; trial < trials; trial++) {
      const key = fold(rngKey(3), trial);
      const atoms = noAtoms();
      const forms = Array.from({ length: 12 }, (_, i) => nesting(atoms, fold(key, "form", i), 2));
      const sizes = forms.map((form) => sizeOf(atoms, resolve(atoms, form)));
      const groups = forms.map((_, i) => i);
      const ties: [number, number][] = [];
      for (let i = 0; i < forms.length; i++) {
        for (let j = 0; j < i; j++) {
          if (sizes[i] !== sizes[j] || draw(fold(key, "tie", i, j), 2) === 0) continue;
          const [a, b] = [forms[i], forms[j]] as [Form, Form];
          if (unify(atoms, a, b, why)) ties.push([i, j]);
          const [from, to] = [groups[i], groups[j]];
          for (const k of groups.keys()) if (groups[k] === from) groups[k] = to as number;
        }
      }
      const resolved = forms.map((form) => resolve(atoms, form));
      for (const [i, j] of ties) expect(resolved[i], `trial ${trial}`).toEqual(resolved[j]);
      for (const [i, form] of resolved.entries()) {
        expect(sizeOf(atoms, form)).toBe(sizes[i]);
        expect(entries(atoms, form).length).toBe(sizes[i]);
        const own = new Set(atomsOf(form));
        for (const [j, other] of resolved.entries()) {
          if (groups[i] !== groups[j]) expect(atomsOf(other).some((atom) => own.has(atom))).toBe(false);
        }
      }
    }
  });

  it("hand pins on to what they are refined into and tied to", () => {
    const atoms = noAtoms();
    const [axis, blocks, parts] = [
      freshForm(atoms, 6),
      product([freshForm(atoms, 2), freshForm(atoms, 3)]),
      [...freshForm(atoms, 2), ...freshForm(atoms, 4)],
    ];
    pin(atoms, axis, why);
    expect(unify(atoms, axis, blocks, why)).toBe(true);
    const other = freshForm(atoms, 6);
    pin(atoms, other, why);
    unify(atoms, other, parts, why);
    for (const form of [blocks, parts]) {
      for (const atom of atomsOf(resolve(atoms, form))) expect(atoms.pins[atom]).toEqual(why);
    }
  });

  it("end where an axis is tied to itself in another order", () => {
    for (let shift = 1; shift < 12; shift++) {
      const atoms = noAtoms();
      const [head, tail] = [freshForm(atoms, shift), freshForm(atoms, 12 - shift)];
      expect(unify(atoms, [...head, ...tail], [...tail, ...head], why)).toBe(true);
      const forms = resolve(atoms, [...head, ...tail]);
      const sizes = new Set(atomsOf(forms).map((atom) => atoms.sizes[atom]));
      const step = gcd(shift, 12);
      expect(forms.length).toBe(12 / step);
      expect(new Set(atomsOf(forms)).size).toBe(step === 1 ? 0 : 1);
      expect([...sizes]).toEqual(step === 1 ? [] : [step]);
    }
  });
});

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}
