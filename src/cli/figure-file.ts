import { check } from "../errors.ts";
import { writeFileAtomically } from "../node/index.ts";
import type { Call } from "./command.ts";
import { textOf } from "./values.ts";

/** The figure that an option names, or undefined; any other ending than that of an SVG would lie about the file. */
export function figureOf(call: Call, option = "out"): string | undefined {
  const path = textOf(call, option);
  check(path === undefined || path.toLowerCase().endsWith(".svg"), () => ({
    code: "bad-option",
    where: `--${option}`,
    message: `expected a name that ends in .svg, got ${JSON.stringify(path)}`,
  }));
  return path;
}

/** Writes a figure; one that is there is replaced with `--force` only. */
export async function writeFigure(call: Call, path: string, svg: string): Promise<void> {
  await writeFileAtomically(path, [new TextEncoder().encode(svg)], { force: call.options.force === true });
}
