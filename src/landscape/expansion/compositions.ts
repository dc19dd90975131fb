import { type Roles, zeroGroupCount } from "../../counting/index.ts";
import { check } from "../../errors.ts";

/** How a layer of r units is widened: unit i is copied k_i times, and groups of b_l units cancel each other. */
export interface Composition {
  /** k_1 .. k_r, each at least 1. */
  readonly copies: readonly number[];
  /** b_1 .. b_j, each at least 1. */
  readonly zeroGroups: readonly number[];
}

/**
 * Every composition of a width m of copies of r units and zero-type groups (Simsek 2021, arXiv 2105.12221, definition
 * 4.2); as these groups have no names, their sizes come in descending order.
 */
export function* compositions(minimal: number, width: number): Generator<Composition, void> {
  for (let zero = 0; zero <= width - minimal; zero++) {
    for (const copies of ordered(width - zero, minimal)) {
      for (const zeroGroups of descending(zero, zero)) yield { copies, zeroGroups };
    }
  }
}

/** Lists of `parts` whole numbers from 1 with the given sum. */
function* ordered(total: number, parts: number): Generator<number[], void> {
  if (parts === 1) return yield [total];
  for (let first = 1; first <= total - parts + 1; first++) {
    for (const rest of ordered(total - first, parts - 1)) yield [first, ...rest];
  }
}

/** Lists of whole numbers from 1, none above the one before, with the given sum. */
function* descending(total: number, most: number): Generator<number[], void> {
  if (total === 0) return yield [];
  for (let first = Math.min(total, most); first >= 1; first--) {
    for (const rest of descending(total - first, first)) yield [first, ...rest];
  }
}

/** The roles of the units, copies of the first unit first, the zero-type groups last. */
export function rolesOf({ copies, zeroGroups }: Composition): Roles {
  for (const size of [...copies, ...zeroGroups]) {
    check(Number.isInteger(size) && size >= 1, () => ({
      code: "bad-composition",
      where: compositionText({ copies, zeroGroups }),
      message: `expected whole numbers from 1, got ${size}`,
    }));
  }
  const roles = (sizes: readonly number[], first: number) =>
    sizes.flatMap((size, i) => new Array<number>(size).fill(first + i));
  return [...roles(copies, 0), ...roles(zeroGroups, copies.length)];
}

/** The composition of roles in any order. */
export function compositionOf(roles: Roles, minimal: number): Composition {
  const sizes = new Array<number>(minimal + zeroGroupCount(roles, minimal)).fill(0);
  for (const role of roles) (sizes[role] as number)++;
  return { copies: sizes.slice(0, minimal), zeroGroups: sizes.slice(minimal) };
}

/** One more copy for unit after unit, from the first on. */
export function evenComposition(minimal: number, width: number): Composition {
  const copies = Array.from({ length: minimal }, (_, i) => Math.floor((width - i - 1) / minimal) + 1);
  return { copies, zeroGroups: [] };
}

/** As `2,1,1+2`: the copies, and behind a plus the zero-type groups. */
export function compositionText({ copies, zeroGroups }: Composition): string {
  return [copies, ...(zeroGroups.length > 0 ? [zeroGroups] : [])].map((sizes) => sizes.join(",")).join("+");
}

/** Reads `2,1,1+2`. */
export function parseComposition(text: string): Composition {
  check(/^\d+(,\d+)*(\+\d+(,\d+)*)?$/.test(text), () => ({
    code: "bad-composition",
    where: JSON.stringify(text),
    message: "expected how often each unit is copied, and behind a plus the sizes of the zero-type groups",
    remedy: "write it like 2,1,1+2",
  }));
  const [copies = [], zeroGroups = []] = text.split("+").map((sizes) => sizes.split(",").map(Number));
  return { copies, zeroGroups };
}

/** Throws unless the roles are a subspace of the expansion of so many units. */
export function checkRoles(roles: Roles, minimal: number): void {
  const groups = new Set(roles);
  const isFull = Array.from({ length: groups.size }, (_, role) => role).every((role) => groups.has(role));
  check(isFull && groups.size >= minimal, () => ({
    code: "bad-composition",
    where: `roles ${roles.join(",")}`,
    message: `expected copies of all ${minimal} units, and zero-type groups numbered from ${minimal}`,
  }));
}
