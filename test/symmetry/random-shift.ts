import { normal, type RngKey, stridesOf, type Tensor } from "../../src/tensor/index.ts";

export interface ShiftedEntries {
  /** The axis along which the same is added everywhere; null for none. */
  readonly along: number | null;
  /** The entries to which something is added; null for all. */
  readonly range: { readonly axis: number; readonly start: number; readonly end: number } | null;
}

/** A tensor to which standard normal numbers are added. */
export function randomShift(
  key: RngKey,
  value: Tensor<"float64">,
  { along, range }: ShiftedEntries,
): Tensor<"float64"> {
  const strides = stridesOf(value.shape);
  const added = normal(key, value.shape, { dtype: "float64" });
  const indexAlong = (entry: number, axis: number) =>
    Math.floor(entry / (strides[axis] as number)) % (value.shape[axis] as number);
  const data = value.data.map((each, entry) => {
    const at = range ? indexAlong(entry, range.axis) : 0;
    if (range && (at < range.start || at >= range.end)) return each;
    const first = along === null ? entry : entry - indexAlong(entry, along) * (strides[along] as number);
    return each + (added.data[first] as number);
  });
  return { ...value, data };
}
