import { parseArgs } from "node:util";
import { closestName } from "../closest-name.ts";
import { InputError } from "../errors.ts";

/** One option: what its value is called (none for a switch), and what it does. */
export interface OptionSpec {
  readonly value?: string;
  readonly short?: string;
  readonly help: string;
}

/** A command: how it is called, and what it does with what it is given. */
export interface Command {
  readonly summary: string;
  /** What follows the command's name, such as `<net> --data <set>`. */
  readonly usage: string;
  readonly options: Readonly<Record<string, OptionSpec>>;
  /** Fewest and most arguments that are not options. */
  readonly positionals: readonly [number, number];
  readonly examples?: readonly string[];
  run(call: Call): Promise<Outcome>;
}

/** The words of a call, sorted. */
export interface Call {
  readonly positionals: readonly string[];
  readonly options: Readonly<Record<string, string | true | undefined>>;
  readonly quiet: boolean;
}

/** What a command found: as one JSON document, and as lines for a person. */
export interface Outcome {
  readonly json: unknown;
  readonly text: readonly string[];
  /** 1 where a check failed. */
  readonly status?: 0 | 1;
}

/** Options that every command has. */
export const commonOptions: Readonly<Record<string, OptionSpec>> = {
  json: { help: "print one JSON document and nothing else" },
  quiet: { short: "q", help: "no progress" },
  help: { short: "h", help: "show this help" },
};

/** Sorts the words after a command's name; throws an InputError for words that it does not know. */
export function parseCall(name: string, command: Command, words: readonly string[]): Call {
  const specs = { ...command.options, ...commonOptions };
  const known = Object.entries(specs).map(([option, { value, short }]) => {
    const type = value === undefined ? "boolean" : "string";
    return [option, { type, ...(short && { short }) }] as const;
  });
  const { values, positionals } = parseWords(name, Object.fromEntries(known), words);
  const [fewest, most] = command.positionals;
  if (positionals.length < fewest || positionals.length > most) {
    const got = positionals.length === 0 ? "none" : positionals.map((word) => JSON.stringify(word)).join(" ");
    throw usageError(name, `expected ${countOf(fewest, most)}, got ${got}`, `usage: orbifold ${name} ${command.usage}`);
  }
  return { positionals, options: values, quiet: values.quiet === true };
}

type WordTypes = Record<string, { type: "boolean" | "string"; short?: string }>;

function parseWords(name: string, options: WordTypes, words: readonly string[]) {
  try {
    const args = withNegativeValues(options, words);
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true, strict: true });
    return { values: values as Call["options"], positionals };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const [, option = ""] = /'(?:-\w, )?(--?[\w-]+)/.exec(message) ?? [];
    if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") throw unknownOption(name, option, Object.keys(options));
    const isSwitch = message.includes("does not take an argument");
    throw usageError(
      name,
      isSwitch ? `expected ${option} without a value` : `expected a value after ${option}, got none`,
    );
  }
}

/** Joins `--lr -1` into `--lr=-1`: a number after an option is its value, also where it looks like another option. */
function withNegativeValues(options: WordTypes, words: readonly string[]): string[] {
  const args: string[] = [];
  for (const word of words) {
    const option = args.at(-1)?.replace(/^--/, "");
    const isValue = option !== undefined && options[option]?.type === "string" && args.at(-1)?.startsWith("--");
    if (isValue && /^-[\d.]/.test(word)) args[args.length - 1] += `=${word}`;
    else args.push(word);
  }
  return args;
}

function unknownOption(name: string, option: string, known: readonly string[]): InputError {
  const meant = closestName(option.replace(/^-+/, ""), known);
  const remedy = meant ? `did you mean --${meant}?` : `see orbifold ${name} --help`;
  return usageError(name, `expected an option of ${name}, got ${option}`, remedy);
}

function usageError(name: string, message: string, remedy = `see orbifold ${name} --help`): InputError {
  return new InputError({ code: "usage", where: name, message, remedy });
}

function countOf(fewest: number, most: number): string {
  const noun = most === 1 ? "argument" : "arguments";
  if (fewest === most) return most === 0 ? "no arguments" : `${most} ${noun}`;
  return most === Number.POSITIVE_INFINITY ? `at least ${fewest} ${noun}` : `${fewest} to ${most} ${noun}`;
}
