export type { Engine, Program, Tensors } from "./engine.ts";
export { type OrtEngineOptions, type OrtModule, ortEngine } from "./ort.ts";
export { referenceEngine } from "./reference/engine.ts";
export { type WebEngineOptions, type WebOrtModule, webEngine } from "./web.ts";
