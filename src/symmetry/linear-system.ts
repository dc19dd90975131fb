/** A combination of generators, by their coefficients. */
export type Combination = ReadonlyMap<number, number>;

/** A linear system of equations "combination = 0" over the reals or modulo 2. */
export interface HomogeneousSystem {
  newGenerator(): number;
  isFree(id: number): boolean;
  /** The combination in terms of free generators. */
  resolve(combination: Combination): Combination;
  sum(terms: readonly Term[]): Combination;
  /** Adds the equation by expressing its newest generator through the others. */
  require(combination: Combination): void;
  /** Adds the equation that both are the same. */
  requireSame(a: Combination, b: Combination): void;
}
type Term = readonly [factor: number, combination: Combination];

/** A system without equations yet, over the reals or modulo 2. */
export function homogeneousSystem(modulus: 0 | 2): HomogeneousSystem {
  const bindings = new Map<number, Combination>();
  let count = 0;
  const isFree = (id: number) => !bindings.has(id);
  const sum = (terms: readonly Term[]) => {
    const total = new Map<number, number>();
    for (const [factor, combination] of terms) {
      for (const [id, coefficient] of combination) total.set(id, (total.get(id) ?? 0) + factor * coefficient);
    }
    for (const [id, coefficient] of total) {
      const reduced = modulus === 2 ? Math.abs(coefficient % 2) : coefficient;
      if (reduced === 0) total.delete(id);
      else total.set(id, reduced);
    }
    return total;
  };
  const resolvedBinding = (id: number): Combination => {
    const bound = bindings.get(id);
    if (!bound) return new Map([[id, 1]]);
    const resolved = resolve(bound);
    bindings.set(id, resolved);
    return resolved;
  };
  const resolve = (combination: Combination): Combination =>
    [...combination.keys()].every(isFree)
      ? combination
      : sum([...combination].map(([id, coefficient]) => [coefficient, resolvedBinding(id)]));
  const require = (combination: Combination) => {
    const resolved = resolve(combination);
    if (resolved.size === 0) return;
    const newest = Math.max(...resolved.keys());
    const pivot = resolved.get(newest) as number;
    const others = [...resolved].filter(([id]) => id !== newest);
    bindings.set(newest, sum(others.map(([id, coefficient]) => [-coefficient / pivot, new Map([[id, 1]])])));
  };
  const requireSame = (a: Combination, b: Combination) =>
    require(
      sum([
        [1, a],
        [-1, b],
      ]),
    );
  return { newGenerator: () => count++, isFree, resolve, sum, require, requireSame };
}
