import type { Parameters } from "../../nets/index.ts";
import type { UnitSite } from "../../symmetry/index.ts";
import { allocate, convert, elementCount, type Shape, type Tensor, tensor } from "../../tensor/index.ts";

/** The entries of a tensor that belong to each unit. */
export type Rows = readonly Float64Array[];

/** The entries of each unit at a site, in float64. */
export function rowsAt(site: UnitSite, value: Tensor): Rows {
  const { data } = convert(value, "float64");
  const [outer, units, inner] = unitsInTheMiddle(site, value.shape);
  return Array.from({ length: units }, (_, unit) => {
    const row = new Float64Array(outer * inner);
    for (let i = 0; i < outer; i++) {
      const start = (i * units + unit) * inner;
      row.set(data.subarray(start, start + inner), i * inner);
    }
    return row;
  });
}

/** A float64 tensor with these rows at a site, otherwise of the given shape. */
export function tensorOf(site: UnitSite, shape: Shape, rows: Rows): Tensor<"float64"> {
  const wide = resizedShape(site, shape, rows.length);
  const [outer, units, inner] = unitsInTheMiddle(site, wide);
  const data = allocate("float64", elementCount(wide));
  for (const [unit, row] of rows.entries()) {
    for (let i = 0; i < outer; i++) {
      data.set(row.subarray(i * inner, (i + 1) * inner), (i * units + unit) * inner);
    }
  }
  return tensor("float64", wide, data);
}

/** The shape of a tensor with another number of units at a site. */
export function resizedShape({ axis, before, after }: UnitSite, shape: Shape, units: number): Shape {
  return shape.map((size, i) => (i === axis ? before * units * after : size));
}

/** The shape of a tensor in three: what lies before the units of a site, these, and what lies behind. */
export function unitsInTheMiddle({ axis, before, after }: UnitSite, shape: Shape): readonly [number, number, number] {
  const units = (shape[axis] as number) / (before * after);
  return [elementCount(shape.slice(0, axis)) * before, units, elementCount(shape.slice(axis + 1)) * after];
}

/** The parameters with other rows at some sites. */
export function withRows(
  parameters: Parameters,
  sites: readonly { readonly site: UnitSite; readonly rows: Rows }[],
): Parameters {
  const changed = sites.map(({ site, rows }) => [
    site.tensor,
    tensorOf(site, (parameters[site.tensor] as Tensor).shape, rows),
  ]);
  return { ...parameters, ...Object.fromEntries(changed) };
}

/** All parameters in float64. */
export function inFloat64(parameters: Parameters): Parameters {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, convert(value, "float64")]));
}

/** The parameters, each in the type that it has in `like`. */
export function inTypesOf(like: Parameters, parameters: Parameters): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, value]) => [name, convert(value, (like[name] as Tensor).dtype)]),
  );
}
