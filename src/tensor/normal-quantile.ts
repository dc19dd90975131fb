/** A rational function: highest powers last. */
interface Rational {
  readonly numerator: readonly number[];
  readonly denominator: readonly number[];
}

// M. J. Wichura, Algorithm AS 241: the percentage points of the normal distribution, Appl. Statist. 37 (1988), 477-484.
const centre: Rational = {
  numerator: [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  denominator: [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
};
const shoulder: Rational = {
  numerator: [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  denominator: [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
};
const tail: Rational = {
  numerator: [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 2.7115555687434876e-5, 2.0103343992922881e-7,
  ],
  denominator: [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 1.8463183175100548e-5,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
};

function evaluate(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

function ratio({ numerator, denominator }: Rational, x: number): number {
  return evaluate(numerator, x) / evaluate(denominator, x);
}

/**
 * The number that a standard normal draw stays below with probability p, 0 < p < 1. Made of operations that IEEE 754
 * fixes to the last bit, so that every platform draws the same numbers. Close to 1, `complement` says 1 - p exactly.
 */
export function normalQuantile(p: number, complement = 1 - p): number {
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(centre, 0.180625 - q * q);
  const r = Math.sqrt(-logarithm(Math.min(p, complement)));
  return Math.sign(q) * (r <= 5 ? ratio(shoulder, r - 1.6) : ratio(tail, r - 5));
}

const scratch = new DataView(new ArrayBuffer(8));

/** The natural logarithm of a positive normal number; Math.log may differ between platforms in the last bit. */
function logarithm(x: number): number {
  scratch.setFloat64(0, x);
  const high = scratch.getUint32(0);
  scratch.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  const mantissa = scratch.getFloat64(0);
  const isLarge = mantissa > Math.SQRT2;
  const exponent = (high >>> 20) - 1023 + (isLarge ? 1 : 0);
  const m = isLarge ? mantissa / 2 : mantissa;
  // log m = 2 artanh s with s = (m - 1) / (m + 1), |s| < 0.172: 12 terms of its series reach 1e-17.
  const s = (m - 1) / (m + 1);
  let series = 0;
  for (let k = 11; k >= 0; k--) series = series * s * s + 1 / (2 * k + 1);
  return exponent * Math.LN2 + 2 * s * series;
}
