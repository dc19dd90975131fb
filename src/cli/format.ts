/** A loss, with four significant digits. */
export function formatLoss(loss: number): string {
  return loss !== 0 && Math.abs(loss) < 1e-3 ? loss.toExponential(3) : loss.toPrecision(4);
}

/** A fraction as a percentage with two decimals; a dash where there is none. */
export function formatPercent(fraction: number | null): string {
  return fraction === null ? "-" : `${(100 * fraction).toFixed(2)} %`;
}

/** 1234567 as 1,234,567. */
export function formatCount(count: number): string {
  return count.toLocaleString("en-US");
}

/** Bytes with a unit. */
export function formatBytes(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3));
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** Rows in aligned columns; cells that look like numbers are set flush right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? "").length)));
  const isNumeric = header.map((_, column) => rows.every((row) => /^[-\d.,e+]+( %)?$/.test(row[column] ?? "")));
  return all.map((row) =>
    row
      .map((cell, i) => (isNumeric[i] ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number)))
      .join("  ")
      .trimEnd(),
  );
}
