import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";

/** The Chromium of this machine, or null where there is none; ORBIFOLD_CHROMIUM names another one. */
export function findChromium(): string | null {
  const { ORBIFOLD_CHROMIUM: own } = process.env;
  if (own) return own;
  if (existsSync("/usr/bin/chromium")) return "/usr/bin/chromium";
  return which("chromium") ?? which("google-chrome");
}

function which(command: string): string | null {
  try {
    return execFileSync("which", [command], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    return null;
  }
}

const quiet = [
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const webgpuWithoutGpu = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"];

/** A headless browser with a fresh profile that computes WebGPU in software. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, chromiumSandbox: false, args: [...quiet, ...webgpuWithoutGpu] });
}
