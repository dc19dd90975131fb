export { assignHeads } from "./head-gains.ts";
export { withBetterHeads } from "./head-step.ts";
export { type HeadSet, headSets } from "./heads.ts";
