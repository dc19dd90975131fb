#!/usr/bin/env node
import { enableCompileCache } from "node:module";
import { closestName } from "../closest-name.ts";
import { InputError } from "../errors.ts";
import { type Command, type Outcome, parseCall } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, generalHelp } from "./help.ts";
import { version } from "./version.ts";

// Before the commands are imported: the second start is much faster than the first.
enableCompileCache();

const [name, ...words] = process.argv.slice(2);
/** Errors that are not about what was typed. */
const exitStatus: Readonly<Record<string, number>> = { diverged: 1, "not-converged": 1, interrupted: 130 };
const wantsJson = process.argv.includes("--json");

// A reader such as `head` that has seen enough is no reason to complain.
process.stdout.on("error", ({ code, message }: NodeJS.ErrnoException) => {
  if (code === "EPIPE") process.exit();
  process.stderr.write(`orbifold: the output could not be printed: ${message}\n`);
  process.exit(2);
});
process.stderr.on("error", () => {});

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = fail(error);
}

async function main(): Promise<number> {
  if (name === "--version") return print(version());
  if (name === "help" && words[0] !== undefined) return print(commandHelp(words[0], await load(words[0])));
  if (name === undefined || name === "help" || name === "--help" || name === "-h") return print(generalHelp(commands));
  const command = await load(name);
  if (words.includes("--help") || words.includes("-h")) return print(commandHelp(name, command));
  return finish(await command.run(parseCall(name, command, words)));
}

async function load(word: string): Promise<Command> {
  const entry = Object.hasOwn(commands, word) ? commands[word] : undefined;
  if (!entry) throw unknownCommand(word);
  return (await entry.load()).command;
}

function finish({ json, text, status = 0 }: Outcome): number {
  print(wantsJson ? JSON.stringify(json, null, 2) : text.join("\n"));
  return status;
}

function print(text: string): number {
  if (text !== "") process.stdout.write(`${text}\n`);
  return 0;
}

function unknownCommand(word: string): InputError {
  const meant = closestName(word, Object.keys(commands));
  return new InputError({
    code: "unknown-command",
    where: "orbifold",
    message: `expected a command, got ${JSON.stringify(word)}`,
    remedy: meant ? `did you mean ${meant}?` : "see orbifold --help",
  });
}

/** Prints an error as one line, and as JSON where that was asked for. Anything but wrong input is a bug of ours. */
function fail(error: unknown): number {
  if (!(error instanceof InputError)) {
    process.stderr.write(`orbifold: internal error, please report it\n${(error as Error)?.stack ?? error}\n`);
    return 70;
  }
  const { code, detail, where, remedy } = error;
  const line = where === "orbifold" ? error.message : `orbifold: ${error.message}`;
  process.stderr.write(`${line.replaceAll(/\s*\n\s*/g, " ")}\n`);
  if (wantsJson) print(JSON.stringify({ error: { code, message: detail, where, remedy } }, null, 2));
  return exitStatus[code] ?? 2;
}
