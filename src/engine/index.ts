export type { Engine, LoopProgram, Members, Program, Tensors } from "./engine.ts";
export { ortEngine } from "./ort/engine.ts";
export type { OrtEngineOptions, OrtModule } from "./ort/module.ts";
export { type WebEngineOptions, type WebOrtModule, webEngine } from "./ort/web.ts";
export { referenceEngine } from "./reference/engine.ts";
