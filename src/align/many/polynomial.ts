/** Where on [0, 1] a polynomial is greatest; coefficients from the constant on. The first such place among equals. */
export function argmaxOnUnit(coefficients: readonly number[]): number {
  const places = [0, ...rootsOnUnit(derivative(coefficients)), 1];
  return places.reduce((best, t) => (valueAt(coefficients, t) > valueAt(coefficients, best) ? t : best));
}

/** The value of a polynomial. */
export function valueAt(coefficients: readonly number[], t: number): number {
  return coefficients.reduceRight((value, coefficient) => value * t + coefficient, 0);
}

/** The coefficients of c (1 - t)^a t^b. */
export function bernsteinTerm(c: number, a: number, b: number): number[] {
  const coefficients = [...new Array<number>(b).fill(0), c];
  for (let k = 1; k <= a; k++) coefficients.push(((coefficients.at(-1) as number) * (k - 1 - a)) / k);
  return coefficients;
}

function derivative(coefficients: readonly number[]): number[] {
  return coefficients.slice(1).map((coefficient, k) => coefficient * (k + 1));
}

/** Places where a polynomial changes its sign, each between two neighbours among those of its derivative. */
function rootsOnUnit(coefficients: readonly number[]): number[] {
  if (coefficients.length < 2) return [];
  const ends = [0, ...rootsOnUnit(derivative(coefficients)), 1];
  return ends.slice(1).flatMap((end, i) => {
    const range = [ends[i] as number, end] as const;
    const isRising = valueAt(coefficients, range[0]) < 0;
    return isRising === valueAt(coefficients, end) < 0 ? [] : [bisected(coefficients, range, isRising)];
  });
}

const HALVINGS = 60;

function bisected(coefficients: readonly number[], [from, to]: readonly [number, number], isRising: boolean): number {
  let [low, high] = [from, to];
  for (let i = 0; i < HALVINGS; i++) {
    const middle = (low + high) / 2;
    if (valueAt(coefficients, middle) < 0 === isRising) low = middle;
    else high = middle;
  }
  return low;
}
