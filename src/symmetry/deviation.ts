/** The largest difference of two lists of numbers, and the largest number of either; infinite where one is not finite. */
export interface Deviation {
  readonly difference: number;
  readonly scale: number;
}

/** No numbers at all. */
export const noDeviation: Deviation = { difference: 0, scale: 0 };

/** How far two lists of as many numbers are apart. */
export function deviationOf(a: ArrayLike<number>, b: ArrayLike<number>): Deviation {
  let [difference, scale] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    const [x, y] = [a[i] as number, b[i] as number];
    if (!Number.isFinite(x) || !Number.isFinite(y)) return { difference: Infinity, scale: Infinity };
    difference = Math.max(difference, Math.abs(x - y));
    scale = Math.max(scale, Math.abs(x), Math.abs(y));
  }
  return { difference, scale };
}

/** The difference in units of the scale; two lists of zeros do not differ. */
export function relativeDeviation({ difference, scale }: Deviation): number {
  if (difference === Infinity) return Infinity;
  return difference === 0 ? 0 : difference / scale;
}
