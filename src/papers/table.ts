import type { DataTable, Quantity } from "./paper.ts";

/** Numbers so small are rounding, of which few digits mean anything. */
const rounding = 1e-12;

/** A number with at most ten significant digits, large and small ones as powers of ten; a text as it is. */
export function formatQuantity(value: Quantity | null): string {
  if (value === null) return "–";
  if (typeof value === "string") return value;
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return value.toLocaleString("en-US");
  const size = Math.abs(value);
  const digits = Number(value.toPrecision(size < rounding ? 2 : 10));
  return size < 1e-3 || size >= 1e9 ? digits.toExponential() : String(digits);
}

/** Comma-separated values as RFC 4180 defines them. */
export function csv({ columns, rows }: DataTable): string {
  return [columns, ...rows].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

function cell(value: Quantity): string {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
