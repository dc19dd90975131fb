/** A curve as text: y against x, drawn with half-height blocks. */
export function chart(
  curve: readonly (readonly [number, number])[],
  { x, height = 10 }: { readonly x: string; readonly height?: number },
): string[] {
  const values = curve.map(([, y]) => y);
  const finite = values.filter(Number.isFinite);
  const [low, high] = [Math.min(0, ...finite), Math.max(...finite)];
  const span = high - low || 1;
  const halves = values.map((y) => Math.round(((y - low) / span) * 2 * height));
  const labels = [high, low + span / 2, low].map((label) => label.toPrecision(3));
  const margin = Math.max(...labels.map((label) => label.length));
  const labelAt = new Map([0, Math.floor(height / 2), height - 1].map((row, i) => [row, labels[i] as string]));
  const rows = Array.from({ length: height }, (_, row) => {
    const base = 2 * (height - 1 - row);
    const blocks = halves.map((half) => (half >= base + 2 ? "█" : half === base + 1 ? "▄" : " "));
    return `${(labelAt.get(row) ?? "").padStart(margin)} │${blocks.join("")}`.trimEnd();
  });
  const [first, last] = [curve[0]?.[0] ?? 0, curve.at(-1)?.[0] ?? 1].map(String) as [string, string];
  const gap = Math.max(1, values.length - first.length - last.length);
  return [
    ...rows,
    `${" ".repeat(margin)} └${"─".repeat(values.length)}`,
    `${" ".repeat(margin + 2)}${first}${" ".repeat(gap)}${last}`,
    `${" ".repeat(margin + 2)}${x}`,
  ];
}
