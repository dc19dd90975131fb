import { checkWhole } from "./whole.ts";

/** n! for a whole number n. */
export function factorial(n: number): bigint {
  checkWhole("n", n);
  return productOf(1, n);
}

/** C(n, k) for whole numbers; 0 where k > n. */
export function binomial(n: number, k: number): bigint {
  checkWhole("n", n);
  checkWhole("k", k);
  if (k > n) return 0n;
  const chosen = Math.min(k, n - k);
  return productOf(n - chosen + 1, n) / productOf(1, chosen);
}

/** first (first + 1) .. last, halved again and again: factors of equal length multiply faster than a long by a short. */
function productOf(first: number, last: number): bigint {
  if (last - first >= 16) {
    const middle = Math.floor((first + last) / 2);
    return productOf(first, middle) * productOf(middle + 1, last);
  }
  let product = 1n;
  for (let factor = first; factor <= last; factor++) product *= BigInt(factor);
  return product;
}

/** log10 n! without n!; the error is below 1e-6 up to n = 1e8, whose factorial has 757 million digits. */
export function log10OfFactorial(n: number): number {
  checkWhole("n", n);
  return n < 16 ? sumOfLogs(n) : stirlingSeries(n) / Math.LN10;
}

function sumOfLogs(n: number): number {
  let sum = 0;
  for (let factor = 2; factor <= n; factor++) sum += Math.log10(factor);
  return sum;
}

/** ln n! = n ln n - n + ln(2 pi n) / 2 + 1/12n - 1/360n^3 + 1/1260n^5 - 1/1680n^7 + .., within 1e-14 from n = 16. */
function stirlingSeries(n: number): number {
  const square = n * n;
  const tail = (1 / 12 - (1 / 360 - (1 / 1260 - 1 / (1680 * square)) / square) / square) / n;
  return n * Math.log(n) - n + Math.log(2 * Math.PI * n) / 2 + tail;
}

/** log10 C(n, k) without C(n, k), for k <= n. */
export function log10OfBinomial(n: number, k: number): number {
  return log10OfFactorial(n) - log10OfFactorial(k) - log10OfFactorial(n - k);
}
