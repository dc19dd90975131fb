/**
 * Average-linkage clustering: merges the two clusters with the least mean distance between their members, as long as it
 * is at most `cut`. `distances` [n, n] is symmetric; clusters come with their members in order.
 */
export function averageLinkage(distances: Float64Array, n: number, cut: number): readonly (readonly number[])[] {
  const mean = distances.slice();
  const members: (readonly number[] | null)[] = Array.from({ length: n }, (_, i) => [i]);
  for (;;) {
    const [i, j, least] = nearest(mean, members);
    if (!(least <= cut)) break;
    const [a, b] = [members[i] as readonly number[], members[j] as readonly number[]];
    const weight = a.length / (a.length + b.length);
    for (let k = 0; k < n; k++) {
      const distance = weight * (mean[i * n + k] as number) + (1 - weight) * (mean[j * n + k] as number);
      mean[i * n + k] = distance;
      mean[k * n + i] = distance;
    }
    members[i] = [...a, ...b].toSorted((x, y) => x - y);
    members[j] = null;
  }
  return members.filter((each) => each !== null);
}

function nearest(mean: Float64Array, members: readonly (readonly number[] | null)[]): [number, number, number] {
  const n = members.length;
  let best: [number, number, number] = [-1, -1, Number.POSITIVE_INFINITY];
  for (let i = 0; i < n; i++) {
    if (!members[i]) continue;
    for (let j = i + 1; j < n; j++) {
      const distance = mean[i * n + j] as number;
      if (members[j] && distance < best[2]) best = [i, j, distance];
    }
  }
  return best;
}
