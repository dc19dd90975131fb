import { allocate, type DType, fromNumbers, isFloat, type Tensor, tensor } from "../../src/tensor/index.ts";

/** A tensor as a generator wrote it down in JSON; numbers that JSON does not hold exactly are texts. */
export interface DescribedTensor {
  readonly dtype: string;
  readonly shape: number[];
  readonly values: (number | string | boolean)[];
}

/** The tensor that was written down. */
export function rebuildTensor({ dtype, shape, values }: DescribedTensor): Tensor {
  const type = dtype as DType;
  if (isFloat(type)) return fromNumbers(type, values.map(numberOf), shape);
  const data = allocate(type, values.length) as unknown as Record<number, unknown>;
  const isWide = type === "int64" || type === "uint64";
  values.forEach((value, i) => {
    data[i] = isWide ? BigInt(value) : Number(value);
  });
  return tensor(type, shape, data as never);
}

function numberOf(value: number | string | boolean): number {
  return Number(String(value).replace("inf", "Infinity"));
}
