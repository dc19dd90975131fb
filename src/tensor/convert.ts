import { InputError } from "../errors.ts";
import { allocate, type DType, type DTypeArrays, isFloat } from "./dtype.ts";
import { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from "./half.ts";
import type { Shape } from "./shape.ts";
import { type Tensor, tensor } from "./tensor.ts";

const integerRanges: Partial<Record<DType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-2147483648, 2147483647],
  uint32: [0, 4294967295],
  int64: [-(2 ** 63), 2 ** 63 - 1024],
  uint64: [0, 2 ** 64 - 2048],
};

/**
 * The same values in another element type. Floats round to nearest, ties to even, once; NaN and infinities are kept.
 * Floats become integers by truncation, and a value that does not fit is an error. All but zero is true.
 */
export function convert<D extends DType>(value: Tensor, dtype: D): Tensor<D> {
  if (value.dtype === (dtype as DType)) return value as Tensor<D>;
  const held = { dtype: value.dtype, shape: value.shape, data: value.data };
  if (isHalf(held) && isWide(dtype)) return tensor(dtype, value.shape, widened(held, dtype) as DTypeArrays[D]);
  const data = allocate(dtype, held.data.length);
  if (isWide(held.dtype) && isWide(dtype)) {
    (data as Float64Array).set(held.data as Float64Array);
    return tensor(dtype, value.shape, data);
  }
  const read = reader(held, dtype);
  const write = writer(dtype, data);
  for (let i = 0; i < data.length; i++) write(i, read(i));
  return tensor(dtype, value.shape, data);
}

type Half = "float16" | "bfloat16";
type Wide = "float32" | "float64";

function isHalf(value: Tensor): value is Tensor<Half> {
  return value.dtype === "float16" || value.dtype === "bfloat16";
}

function isWide(dtype: DType): dtype is Wide {
  return dtype === "float32" || dtype === "float64";
}

/** Many elements are looked up: 16 bits stand for few enough numbers. */
function widened({ dtype, data }: Tensor<Half>, wide: Wide): DTypeArrays[Wide] {
  const decode = dtype === "float16" ? float16Value : bfloat16Value;
  const made = allocate(wide, data.length);
  const isLong = data.length > 2 ** 16;
  const table = Float32Array.from({ length: isLong ? 2 ** 16 : 0 }, (_, bits) => decode(bits));
  if (isLong) for (let i = 0; i < made.length; i++) made[i] = table[data[i] as number] as number;
  else for (let i = 0; i < made.length; i++) made[i] = decode(data[i] as number);
  return made;
}

/** The elements as float64 numbers. */
export function toNumbers(value: Tensor): Float64Array<ArrayBuffer> {
  return convert(value, "float64").data;
}

/** A tensor of the given type from numbers in row-major order; the shape defaults to one axis. */
export function fromNumbers<D extends DType>(
  dtype: D,
  values: ArrayLike<number>,
  shape: Shape = [values.length],
): Tensor<D> {
  return convert(tensor("float64", shape, Float64Array.from(values)), dtype);
}

type Element = number | bigint;

function reader({ dtype, data }: Tensor, target: DType): (i: number) => Element {
  if (dtype === "float16") return (i) => float16Value(data[i] as number);
  if (dtype === "bfloat16") return (i) => bfloat16Value(data[i] as number);
  const isWide = dtype === "int64" || dtype === "uint64";
  if (isWide && isFloat(target)) {
    return target === "float64" ? (i) => Number(data[i]) : (i) => roundToOdd(data[i] as bigint);
  }
  return (i) => data[i] as Element;
}

function writer(dtype: DType, data: { [index: number]: Element }): (i: number, value: Element) => void {
  const store = data as Record<number, Element>;
  switch (dtype) {
    case "float16":
      return (i, value) => {
        store[i] = float16Bits(value as number);
      };
    case "bfloat16":
      return (i, value) => {
        store[i] = bfloat16Bits(value as number);
      };
    case "float32":
    case "float64":
      return (i, value) => {
        store[i] = value as number;
      };
    case "bool":
      return (i, value) => {
        store[i] = Number(value) === 0 ? 0 : 1;
      };
    case "int64":
    case "uint64":
      return (i, value) => {
        store[i] = typeof value === "bigint" ? fitBigint(value, dtype) : BigInt(fitInteger(value, dtype));
      };
    default:
      return (i, value) => {
        store[i] = fitInteger(Number(value), dtype);
      };
  }
}

function fitInteger(value: number, dtype: DType): number {
  const whole = Math.trunc(value);
  const [lowest, highest] = integerRanges[dtype] as readonly [number, number];
  if (whole >= lowest && whole <= highest) return whole;
  throw outOfRange(value, dtype);
}

function fitBigint(value: bigint, dtype: "int64" | "uint64"): bigint {
  const fitted = dtype === "int64" ? BigInt.asIntN(64, value) : BigInt.asUintN(64, value);
  if (fitted === value) return value;
  throw outOfRange(value, dtype);
}

function outOfRange(value: Element, dtype: DType): InputError {
  return new InputError({ code: "value-out-of-range", where: "convert", message: `${value} does not fit ${dtype}` });
}

/** A float64 that rounds to any narrower float as the integer itself would: its lowest bit records what was cut off. */
function roundToOdd(value: bigint): number {
  if (BigInt.asIntN(54, value) === value) return Number(value);
  const cut = 11n;
  const head = value >> cut;
  const isExact = head << cut === value;
  return Number(isExact ? head : head | 1n) * 2 ** Number(cut);
}
