import { constant, type Value } from "../../graph/index.ts";
import { fromNumbers, type Shape } from "../../tensor/index.ts";

/**
 * Makes the large constants of a graph, each once: equal expressions over them are then shared, as the unfolded input
 * is by a convolution and its weight gradient.
 */
export interface Constants {
  indices(shape: Shape, values: readonly number[]): Value;
  matrix(rows: readonly (readonly number[])[]): Value;
}

export function sharedConstants(): Constants {
  const made = new Map<string, Value>();
  const share = (dtype: "int32" | "float32", shape: Shape, values: readonly number[]) => {
    const key = `${dtype} ${shape.join()} ${values.join()}`;
    const known = made.get(key) ?? constant(fromNumbers(dtype, values, shape));
    made.set(key, known);
    return known;
  };
  return {
    indices: (shape, values) => share("int32", shape, values),
    matrix: (rows) => share("float32", [rows.length, (rows[0] ?? []).length], rows.flat()),
  };
}
