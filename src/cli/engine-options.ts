import { type Engine, referenceEngine } from "../engine/index.ts";
import { nativeEngine } from "../node/index.ts";
import type { Call, OptionSpec } from "./command.ts";
import { choiceOf, numberOf } from "./values.ts";

/** Options that say what computes. */
export const engineOptions: Readonly<Record<string, OptionSpec>> = {
  engine: { value: "NAME", help: "cpu, webgpu, or reference: plain float64, slow (cpu)" },
  threads: { value: "N", help: "threads of the engine (all processors)" },
};

/** What `--engine` says. */
export function engineName(call: Call): "cpu" | "webgpu" | "reference" {
  return choiceOf(call, "engine", ["cpu", "webgpu", "reference"], "cpu");
}

/** The engine that `--engine` names; where much is computed beside it, its threads had better not spin. */
export async function engineOf(call: Call, { spins = true } = {}): Promise<Engine> {
  const name = engineName(call);
  const threads = numberOf(call, "threads", { least: 1, most: 1024, whole: true });
  if (name === "reference") return referenceEngine();
  return nativeEngine({ provider: name, spins, ...(threads !== undefined && { threads }) });
}
