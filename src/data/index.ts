export { cifar10Dataset, decodeCifar10 } from "./cifar.ts";
export {
  type Dataset,
  type FileBytes,
  type Normalization,
  type Split,
  splitSize,
  standardized,
  takeSamples,
} from "./dataset.ts";
export { digitsDataset } from "./digits.ts";
export { gunzip } from "./gzip.ts";
export { decodeIdx } from "./idx.ts";
export { type MnistFiles, mnistDataset } from "./mnist.ts";
export { type ToyActivation, type ToyTeacher, teacherStudent, toyGrid, toyTeacher } from "./toy.ts";
