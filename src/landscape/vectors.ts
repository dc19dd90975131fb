type Numbers = Float32Array | Float64Array;

/** |a - b|, or with a sign of -1 |a + b| */
export function distanceBetween(a: Numbers, b: Numbers, sign: 1 | -1 = 1): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - sign * (b[i] as number)) ** 2;
  return Math.sqrt(sum);
}
