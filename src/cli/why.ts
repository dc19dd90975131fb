import { check } from "../errors.ts";
import { chainText, type Discovery, type Explanation, explain } from "../symmetry/index.ts";
import type { Outcome } from "./command.ts";

/** What `census --why tensor:axis` prints. */
export function explainAxis(discovery: Discovery, question: string): Outcome {
  const [, tensor = "", axis = ""] = /^(.+):(\d+)$/.exec(question) ?? [];
  check(tensor !== "", () => ({
    code: "bad-option",
    where: "--why",
    message: `expected TENSOR:AXIS, got ${JSON.stringify(question)}`,
    remedy: "write for example conv1.weight:0",
  }));
  const parts = explain(discovery, tensor, Number(axis));
  return {
    json: { tensor, axis: Number(axis), parts, chain: parts.flatMap(chainsOf) },
    text: parts.flatMap((part) => [headline(question, part), ...body(part)]),
  };
}

/** Every link of every chain. */
function chainsOf(part: Explanation) {
  return part.kind === "pinned" ? part.chain : part.sites.flatMap(({ chain }) => chain);
}

function headline(question: string, part: Explanation): string {
  const what = `${question}${part.part ? ` ${part.part}` : ""} (${part.size})`;
  return part.kind === "pinned" ? `${what} is pinned: ${part.why}` : `${what} is free: units of ${part.factor}`;
}

const width = () => Math.max(60, (process.stdout.columns ?? 100) - 4);

function body(part: Explanation): string[] {
  if (part.kind === "pinned") return part.chain.length > 0 ? [`  ${chainText(part.chain, { width: width() })}`] : [];
  return part.sites.map(({ tensor, axis, part: which, chain }) =>
    chain.length === 0
      ? `  also ${tensor}:${axis}${which ? ` ${which}` : ""}`
      : `  ${chainText(chain, { width: width() })}`,
  );
}
