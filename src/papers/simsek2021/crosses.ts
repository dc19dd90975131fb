import { toyTeacher } from "../../data/index.ts";

/** Half the size of a cross. */
const arm = 0.1;

/** Crosses on the incoming weights of the toy's teacher, as a broken curve. */
export function teacherCrosses(): readonly (readonly [number, number])[] {
  return toyTeacher.incoming.flatMap(([x, y]) => [
    [x - arm, y] as const,
    [x + arm, y] as const,
    [x, Number.NaN] as const,
    [x, y - arm] as const,
    [x, y + arm] as const,
    [x, Number.NaN] as const,
  ]);
}
