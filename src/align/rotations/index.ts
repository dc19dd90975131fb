export { matchWithRotations, type RotatedMatch, type RotationOptions } from "./match-rotations.ts";
export { type Rotation, rotate } from "./rotate.ts";
