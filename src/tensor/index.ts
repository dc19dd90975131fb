export { convert, fromNumbers, toNumbers } from "./convert.ts";
export { allocate, bytesPerElement, type DType, type DTypeArrays, dtypes, isFloat, viewBytes } from "./dtype.ts";
export { bfloat16Bits, bfloat16Value, float16Bits, float16Value } from "./half.ts";
export { byteLength, held, isLazy, type LazyTensor, lazyTensor, letGo, type Shelf, shelf } from "./lazy.ts";
export { fold, normal, permutation, type RngKey, rngKey, threefry2x32, uniform } from "./random.ts";
export {
  broadcastShapes,
  checkShape,
  elementCount,
  formatShape,
  normalizeAxis,
  type Shape,
  sameShape,
  stridesOf,
} from "./shape.ts";
export { partOf, release, reshape, stack, type Tensor, tensor, tensorBytes, tensorFromBytes, zeros } from "./tensor.ts";
export { dot, norm } from "./vectors.ts";
