/** Round numbers, about `count` of them, that cover low..high: steps of 1, 2 or 5 times a power of ten. */
export function niceTicks(low: number, high: number, count = 5): number[] {
  if (!(high > low)) return [low];
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step);
}

/** A tick's label, without the noise of binary fractions. */
export function formatTick(value: number): string {
  const rounded = Number(value.toPrecision(10));
  return rounded !== 0 && (Math.abs(rounded) >= 1e5 || Math.abs(rounded) < 1e-4)
    ? rounded.toExponential()
    : String(rounded);
}

/** The label of a power of ten: 0.1, 1, 10, and further away 10 with a raised exponent. */
export function formatPower(exponent: number): string {
  if (Math.abs(exponent) <= 1) return String(10 ** exponent);
  return `10${[...String(exponent)].map((sign) => (sign === "-" ? "⁻" : raised[Number(sign)])).join("")}`;
}

const raised = "⁰¹²³⁴⁵⁶⁷⁸⁹";
