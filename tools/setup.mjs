// Plain JavaScript, because it runs on whatever Node (20 or newer) a fresh clone finds.
// Installs what is missing, then runs the script named in its arguments with the Node that the repository pins.
import { execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = `${root}node_modules/.orbifold-setup`;
const lock = createHash("sha256")
  .update(readFileSync(`${root}package-lock.json`))
  .digest("hex");

if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== lock) {
  process.stderr.write("orbifold: installing dependencies (once)\n");
  const npm = process.env.npm_execpath;
  const [command, ...prefix] = npm ? [process.execPath, npm] : ["npm"];
  // Not `npm ci`: it refuses a lock file in which the optional package of some other platform is missing.
  // npm's own output goes to stderr, so that a script's stdout stays its own.
  const install = [...prefix, "install", "--no-save", "--loglevel=error"];
  execFileSync(command, install, { cwd: root, stdio: ["ignore", 2, 2] });
  writeFileSync(stamp, lock);
}

const [, , ...script] = process.argv;
if (script.length > 0) {
  const isWindows = process.platform === "win32";
  const pinned = `${root}node_modules/.bin/node${isWindows ? ".cmd" : ""}`;
  const node = existsSync(pinned) ? pinned : process.execPath;
  // Ctrl-C reaches the child too, which knows what to save; this process only waits for it.
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => {});
  const child = spawn(node, script, { cwd: root, stdio: "inherit", shell: isWindows });
  child.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
}
