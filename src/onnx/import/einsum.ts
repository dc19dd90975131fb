import type { Value } from "../../graph/index.ts";
import { elementCount, formatShape } from "../../tensor/index.ts";
import { type Importer, operand, refuse, stringAttribute } from "../imported-node.ts";

/** A tensor whose axes have letters. */
interface Labelled {
  readonly value: Value;
  readonly labels: readonly string[];
}

/** Products summed over the letters that the result lacks, from left to right. */
export const einsum: Importer = (node) => {
  const equation = (stringAttribute(node, "equation") ?? "").replaceAll(" ", "");
  const [left = "", right] = equation.split("->");
  const terms = left.split(",");
  if (terms.length !== node.operands.length) refuse(`expected ${node.operands.length} terms, got ${terms.length}`);
  const labelled = terms.map((term, i) => label(term, operand(node, i)));
  const wanted = right === undefined ? impliedLabels(labelled) : [...right];
  const [first, ...rest] = labelled as [Labelled, ...Labelled[]];
  const product = rest.reduce((sum, next, i) => {
    const needed = new Set([...wanted, ...rest.slice(i + 1).flatMap(({ labels }) => labels)]);
    return contract(summed(sum, new Set([...needed, ...next.labels])), next, needed);
  }, first);
  return arranged(summed(product, new Set(wanted)), wanted);
};

function label(term: string, value: Value): Labelled {
  const labels = [...term];
  const isPlain = /^[A-Za-z]*$/.test(term) && new Set(labels).size === labels.length && labels.length === value.rank;
  if (!isPlain) refuse(`expected one letter of its own for each axis of ${formatShape(value.shape)}`);
  return { value, labels };
}

/** The letters that occur once, in alphabetical order. */
function impliedLabels(terms: readonly Labelled[]): string[] {
  const all = terms.flatMap(({ labels }) => labels);
  return all.filter((letter) => all.indexOf(letter) === all.lastIndexOf(letter)).sort();
}

function summed({ value, labels }: Labelled, needed: ReadonlySet<string>): Labelled {
  const axes = labels.flatMap((letter, axis) => (needed.has(letter) ? [] : [axis]));
  return { value: axes.length > 0 ? value.sum(axes) : value, labels: labels.filter((letter) => needed.has(letter)) };
}

/** A batched matrix product: shared letters are batch axes where they are needed later, inner axes where not. */
function contract(a: Labelled, full: Labelled, needed: ReadonlySet<string>): Labelled {
  const b = summed(full, new Set([...needed, ...a.labels]));
  const shared = a.labels.filter((letter) => b.labels.includes(letter));
  const batch = shared.filter((letter) => needed.has(letter));
  const inner = shared.filter((letter) => !needed.has(letter));
  const rows = a.labels.filter((letter) => !shared.includes(letter));
  const columns = b.labels.filter((letter) => !shared.includes(letter));
  const product = grouped(a, batch, rows, inner).matmul(grouped(b, batch, inner, columns));
  const labels = [...batch, ...rows, ...columns];
  return { value: product.reshape([...sizesOf(a, [...batch, ...rows]), ...sizesOf(b, columns)]), labels };
}

function grouped(term: Labelled, ...groups: readonly (readonly string[])[]): Value {
  return arranged(term, groups.flat()).reshape(groups.map((letters) => elementCount(sizesOf(term, letters))));
}

function arranged({ value, labels }: Labelled, wanted: readonly string[]): Value {
  const perm = wanted.map((letter) => labels.indexOf(letter));
  const isPermutation = perm.length === labels.length && !perm.includes(-1) && new Set(perm).size === perm.length;
  if (!isPermutation) refuse("expected a result of letters that the terms have, each once");
  return perm.every((axis, i) => axis === i) ? value : value.transpose(perm);
}

function sizesOf({ value, labels }: Labelled, letters: readonly string[]): number[] {
  return letters.map((letter) => value.shape[labels.indexOf(letter)] as number);
}
