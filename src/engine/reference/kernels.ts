import type { Operator, Value } from "../../graph/index.ts";

/** The elements of a tensor of any type, as float64. */
export type Elements = Float64Array<ArrayBuffer>;

/** Computes the elements of a value from those of its operands. */
export type Kernel<O extends Operator> = (value: Value<O>, operands: readonly Elements[]) => Elements;
