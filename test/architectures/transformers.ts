import { gpt2, llama, vit } from "../../src/nets/index.ts";
import type { Architecture } from "./architecture.ts";

const language = { vocabulary: 7, context: 5, width: 8, depth: 2, heads: 4 };
const llamaSizes = { ...language, hidden: 6 };

/** Transformers for images and for text. */
export const transformerArchitectures: readonly Architecture[] = [
  {
    name: "vit",
    network: vit({ input: [2, 4, 6], outputs: 3, patch: 2, width: 8, depth: 2, heads: 2, mlpWidth: 6 }),
  },
  { name: "gpt2", network: gpt2({ ...language, heads: 2 }) },
  { name: "llama-mha", network: llama({ ...llamaSizes, kvHeads: 4 }) },
  { name: "llama-mha-tied", network: llama({ ...llamaSizes, kvHeads: 4, tied: true }) },
  { name: "llama-gqa", network: llama({ ...llamaSizes, kvHeads: 2, headSize: 4 }) },
  { name: "llama-gqa-tied", network: llama({ ...llamaSizes, kvHeads: 2, tied: true }) },
];
