#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { closestName } from "../closest-name.ts";
import { InputError } from "../errors.ts";
import { type Outcome, parseCall } from "./command.ts";
import { commands } from "./commands.ts";
import { commandHelp, generalHelp } from "./help.ts";

const [name, ...words] = process.argv.slice(2);
/** Errors that are not about what was typed. */
const exitStatus: Readonly<Record<string, number>> = { diverged: 1, interrupted: 130 };
const wantsJson = words.includes("--json");

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = fail(error);
}

async function main(): Promise<number> {
  if (name === undefined || name === "help" || name === "--help" || name === "-h") return print(generalHelp(commands));
  if (name === "--version") return print(version());
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!entry) throw unknownCommand(name);
  const { command } = await entry.load();
  if (words.includes("--help") || words.includes("-h")) return print(commandHelp(name, command));
  return finish(await command.run(parseCall(name, command, words)));
}

function finish({ json, text, status = 0 }: Outcome): number {
  print(wantsJson ? JSON.stringify(json, null, 2) : text.join("\n"));
  return status;
}

function print(text: string): number {
  if (text !== "") process.stdout.write(`${text}\n`);
  return 0;
}

function version(): string {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return JSON.parse(manifest).version;
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
  process.stderr.write(`orbifold: ${error.message.replaceAll(/\s*\n\s*/g, " ")}\n`);
  const { code, detail, where, remedy } = error;
  if (wantsJson) print(JSON.stringify({ error: { code, message: detail, where, remedy } }, null, 2));
  return exitStatus[code] ?? 2;
}
