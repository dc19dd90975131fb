/**
 * Average-linkage clustering: merges the two clusters with the least mean distance between their members, as long as it
 * is at most `cut`. `distances` [n, n] is symmetric; clusters come in the order of their first members, these in order.
 */
export function averageLinkage(distances: Float64Array, n: number, cut: number): readonly (readonly number[])[] {
  const mean = distances.slice();
  for (let i = 0; i < n; i++) mean[i * (n + 1)] = Number.POSITIVE_INFINITY;
  const row = (i: number) => mean.subarray(i * n, (i + 1) * n);
  const members: (readonly number[] | null)[] = Array.from({ length: n }, (_, i) => [i]);
  const nearest = Int32Array.from({ length: n }, (_, i) => leastOf(row(i)));
  const distanceOf = (i: number) => row(i)[nearest[i] as number] ?? Number.POSITIVE_INFINITY;
  for (;;) {
    const i = leastOf(Float64Array.from({ length: n }, (_, k) => distanceOf(k)));
    if (i < 0 || distanceOf(i) > cut) break;
    const j = nearest[i] as number;
    const [a, b] = [members[i] as readonly number[], members[j] as readonly number[]];
    const weight = a.length / (a.length + b.length);
    members[i] = [...a, ...b].toSorted((x, y) => x - y);
    members[j] = null;
    for (let k = 0; k < n; k++) {
      const distance = weight * (mean[i * n + k] as number) + (1 - weight) * (mean[j * n + k] as number);
      mean[i * n + k] = distance;
      mean[k * n + i] = distance;
      mean[k * n + j] = Number.POSITIVE_INFINITY;
    }
    row(j).fill(Number.POSITIVE_INFINITY);
    // A mean of two distances is not below the lesser: rows with another nearest keep it.
    for (let k = 0; k < n; k++) {
      if (k === i || nearest[k] === i || nearest[k] === j) nearest[k] = leastOf(row(k));
    }
  }
  return members.filter((each) => each !== null);
}

/** The place of the least, the first of several; -1 for none below infinity. */
function leastOf(values: Float64Array): number {
  let place = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    if ((values[i] as number) < least) [place, least] = [i, values[i] as number];
  }
  return place;
}
