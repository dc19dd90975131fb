export { average, type Merge, mergeAligned, sharesOf, taskArithmetic } from "./merge.ts";
export { type RepairOptions, repair } from "./repair.ts";
