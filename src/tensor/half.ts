const scratch = new DataView(new ArrayBuffer(8));

interface SmallFloat {
  readonly exponentBits: number;
  readonly mantissaBits: number;
}

const float16: SmallFloat = { exponentBits: 5, mantissaBits: 10 };
const bfloat16: SmallFloat = { exponentBits: 8, mantissaBits: 7 };

/** The float16 nearest to `value`, ties to even, as its 16 bits. */
export function float16Bits(value: number): number {
  return encode(value, float16);
}

/** The bfloat16 nearest to `value`, ties to even, as its 16 bits. */
export function bfloat16Bits(value: number): number {
  return encode(value, bfloat16);
}

/** The number that 16 float16 bits stand for. */
export function float16Value(bits: number): number {
  return decode(bits, float16);
}

/** The number that 16 bfloat16 bits stand for. */
export function bfloat16Value(bits: number): number {
  return decode(bits, bfloat16);
}

function encode(value: number, { exponentBits, mantissaBits }: SmallFloat): number {
  const infinity = ((1 << exponentBits) - 1) << mantissaBits;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  if (Number.isNaN(value)) return infinity | (1 << (mantissaBits - 1));
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | infinity;
  const bias = (1 << (exponentBits - 1)) - 1;
  const exponent = Math.max(exponentOf(magnitude), 1 - bias);
  // Counted in units of the last place the value is exact, so it is rounded once.
  const units = roundToEven(magnitude * 2 ** -(exponent - mantissaBits));
  // Carries run from the mantissa into the exponent, and from there into infinity, by plain addition.
  const bits = units + ((exponent + bias - 1) << mantissaBits);
  return sign | Math.min(bits, infinity);
}

function decode(bits: number, { exponentBits, mantissaBits }: SmallFloat): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const ones = (1 << exponentBits) - 1;
  const exponent = (bits >> mantissaBits) & ones;
  const mantissa = bits & ((1 << mantissaBits) - 1);
  const bias = ones >> 1;
  if (exponent === ones) return mantissa ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  if (exponent === 0) return sign * mantissa * 2 ** (1 - bias - mantissaBits);
  return sign * (mantissa + (1 << mantissaBits)) * 2 ** (exponent - bias - mantissaBits);
}

/** floor(log2(magnitude)) for a normal float64; subnormal ones are below every format here. */
function exponentOf(magnitude: number): number {
  scratch.setFloat64(0, magnitude);
  return ((scratch.getUint16(0) >> 4) & 0x7ff) - 1023;
}

/** Rounds a non-negative number to the nearest whole one, ties to even. */
function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return rest < 0.5 ? floor : floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}
