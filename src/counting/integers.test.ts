import { describe, expect, it } from "vitest";
import {
  bellNumbers,
  binomial,
  digitsOf,
  factorial,
  log10,
  log10OfBinomial,
  log10OfFactorial,
  quotient,
  stirlingColumn,
  stirlingRow,
  surjectionCount,
} from "./index.ts";

/** What every log10 promises. */
const sixDecimals = 1e-6;

const upTo = (n: number) => Array.from({ length: n + 1 }, (_, i) => i);

/** Every partition of n things, as the group of each thing. */
function partitions(n: number): number[][] {
  if (n === 0) return [[]];
  return partitions(n - 1).flatMap((groups) => upTo(Math.max(-1, ...groups) + 1).map((group) => [...groups, group]));
}

describe("factorials and binomials", () => {
  it("are products and Pascal's triangle", () => {
    let product = 1n;
    for (const n of upTo(120).slice(1)) {
      product *= BigInt(n);
      expect(factorial(n)).toBe(product);
    }
    let row = [1n];
    for (const n of upTo(40)) {
      expect(upTo(n + 2).map((k) => binomial(n, k))).toEqual([...row, 0n, 0n]);
      row = [1n, ...row.slice(1).map((value, i) => value + (row[i] as bigint)), 1n];
    }
  });

  it("refuse what is not a whole number", () => {
    for (const wrong of [-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => factorial(wrong)).toThrow("expected a whole number from 0");
      expect(() => binomial(5, wrong)).toThrow("expected a whole number from 0");
      expect(() => log10OfFactorial(wrong)).toThrow("expected a whole number from 0");
    }
  });
});

describe("log10", () => {
  it("agrees with the decimal digits of numbers of any length", () => {
    for (const value of [1n, 9n, 10n, 2n ** 52n - 1n, 2n ** 64n, 7n ** 1001n, factorial(3000)]) {
      const digits = String(value);
      const expected = Math.log10(Number(`${digits[0]}.${digits.slice(1, 17)}`)) + digits.length - 1;
      expect(Math.abs(log10(value) - expected)).toBeLessThan(1e-9);
    }
  });

  it("has six decimals for a number of ten million digits", () => {
    expect(Math.abs(log10(3n * 10n ** 9_999_999n) - (9_999_999 + Math.log10(3)))).toBeLessThan(sixDecimals);
  });

  it("refuses zero", () => {
    expect(() => log10(0n)).toThrow("expected a positive integer");
  });

  it("of factorials and binomials is that of the integers, without them", () => {
    for (const n of [...upTo(300), 1000, 4096, 20_000, 100_000]) {
      expect(Math.abs(log10OfFactorial(n) - log10(factorial(n)))).toBeLessThan(1e-9);
    }
    for (const k of [0, 1, 17, 200, 399, 400]) {
      expect(Math.abs(log10OfBinomial(400, k) - log10(binomial(400, k)))).toBeLessThan(1e-9);
    }
  });

  it("of (10^8)! is that of fifty-digit arithmetic", () => {
    expect(Math.abs(log10OfFactorial(1e8) - 756_570_556.2087648)).toBeLessThan(sixDecimals);
  });
});

describe("digitsOf", () => {
  it("counts digits also next to a power of ten, where the logarithm does not tell", () => {
    const power = 10n ** 5000n;
    for (const [value, digits] of [
      [power - 1n, 5000],
      [power, 5001],
      [power + 1n, 5001],
      [1n, 1],
      [9n, 1],
      [10n, 2],
    ] as const) {
      expect(digitsOf(log10(value), () => value)).toBe(digits);
    }
  });

  it("does not ask for the integer where there is no doubt", () => {
    const never = () => {
      throw new Error("asked");
    };
    expect(digitsOf(2333.08, never)).toBe(2334);
  });
});

describe("quotient", () => {
  it("is that of small numbers, and of long ones with a common factor", () => {
    for (const [a, b] of [
      [1n, 3n],
      [3n, 1n],
      [22n, 7n],
      [1n, 2n ** 60n],
      [5n, 5n],
    ] as const) {
      const expected = Number(a) / Number(b);
      for (const factor of [1n, factorial(1000)]) {
        expect(Math.abs(quotient(a * factor, b * factor) / expected - 1)).toBeLessThan(1e-15);
      }
    }
    expect([quotient(10n ** 400n, 1n), quotient(1n, 10n ** 400n)]).toEqual([Number.POSITIVE_INFINITY, 0]);
    expect(quotient(10n ** 300n, 1n)).toBe(1e300);
  });
});

describe("Stirling and Bell numbers", () => {
  it("count the partitions of a few things", () => {
    for (const n of upTo(8)) {
      const all = partitions(n).map((groups) => new Set(groups).size);
      expect(stirlingRow(n)).toEqual(upTo(n).map((k) => BigInt(all.filter((size) => size === k).length)));
      expect(bellNumbers(n).at(-1)).toBe(BigInt(all.length));
    }
  });

  it("are the same by column as by row", () => {
    for (const k of [0, 1, 2, 5, 17]) {
      const expected = upTo(9).map((d) => stirlingRow(k + d)[k]);
      expect(stirlingColumn(k, 9)).toEqual(expected);
    }
  });

  it("add up to the Bell numbers", () => {
    const sums = upTo(60).map((n) => stirlingRow(n).reduce((a, b) => a + b));
    expect(bellNumbers(60)).toEqual(sums);
  });

  it("count surjections as inclusion and exclusion does", () => {
    for (const n of upTo(20)) {
      for (const k of upTo(n + 1)) {
        const terms = upTo(k).map((i) => (-1n) ** BigInt(k - i) * binomial(k, i) * BigInt(i) ** BigInt(n));
        expect(surjectionCount(n, k)).toBe(terms.reduce((a, b) => a + b));
      }
    }
  });
});
