import type { Architecture } from "./architecture.ts";
import { convolutionalArchitectures } from "./convolutional.ts";
import { denseArchitectures } from "./dense.ts";
import { recurrentArchitectures } from "./recurrent.ts";
import { transformerArchitectures } from "./transformers.ts";
import { unetArchitectures } from "./unet.ts";

export { type Architecture, randomInput, randomParameters } from "./architecture.ts";

/** Networks of many structures, small enough for the reference engine. */
export const architectures: readonly Architecture[] = [
  ...denseArchitectures,
  ...convolutionalArchitectures,
  ...unetArchitectures,
  ...recurrentArchitectures,
  ...transformerArchitectures,
];
