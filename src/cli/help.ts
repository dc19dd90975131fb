import { type Command, commonOptions, type OptionSpec } from "./command.ts";

/** What `orbifold --help` prints. */
export function generalHelp(commands: Readonly<Record<string, { readonly summary: string }>>): string {
  const rows = Object.entries(commands).map(([name, { summary }]) => [name, summary] as const);
  return [
    "orbifold: neural networks modulo their symmetries",
    "",
    "usage: orbifold <command> [options]",
    "",
    ...table(rows),
    "",
    "orbifold <command> --help shows the options of a command, --version the version.",
  ].join("\n");
}

/** What `orbifold <command> --help` prints. */
export function commandHelp(name: string, { summary, usage, options, examples = [] }: Command): string {
  const rows = Object.entries({ ...options, ...commonOptions }).map(([option, spec]) => optionRow(option, spec));
  const shown = examples.length > 0 ? ["", "examples:", ...examples.map((example) => `  orbifold ${example}`)] : [];
  return [`orbifold ${name}: ${summary}`, "", `usage: orbifold ${name} ${usage}`, "", ...table(rows), ...shown].join(
    "\n",
  );
}

function optionRow(name: string, { value, short, help }: OptionSpec): readonly [string, string] {
  return [`${short ? `-${short}, ` : ""}--${name}${value ? ` ${value}` : ""}`, help];
}

/** Two columns; the second is wrapped at 80 characters. */
function table(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.min(26, Math.max(...rows.map(([left]) => left.length)));
  return rows.flatMap(([left, right]) => {
    const [first = "", ...rest] = wrap(right, 80 - width - 4);
    const lines = rest.map((line) => `${" ".repeat(width + 4)}${line}`);
    return left.length > width
      ? [`  ${left}`, `${" ".repeat(width + 4)}${first}`, ...lines]
      : [`  ${left.padEnd(width)}  ${first}`, ...lines];
  });
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}
