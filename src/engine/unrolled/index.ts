export { unrolledLoop } from "./program.ts";
