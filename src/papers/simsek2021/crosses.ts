import { toyTeacher } from "../../data/index.ts";

type Points = readonly (readonly [number, number])[];

/** A cross of this half size, as a broken curve. */
export function cross([x, y]: readonly [number, number], size: number): Points {
  return [
    [x - size, y],
    [x + size, y],
    [x, Number.NaN],
    [x, y - size],
    [x, y + size],
    [x, Number.NaN],
  ];
}

/** Crosses on the incoming weights of the toy's teacher. */
export function teacherCrosses(): Points {
  return toyTeacher.incoming.flatMap((vector) => cross(vector, 0.1));
}
