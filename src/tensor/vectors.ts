type Numbers = Float32Array | Float64Array;

/** a . b */
export function dot(a: Numbers, b: Numbers): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i] as number) * (b[i] as number);
  return sum;
}

/** |a| */
export function norm(a: Numbers): number {
  return Math.sqrt(dot(a, a));
}
