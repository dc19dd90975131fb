import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

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

/** A headless browser with a fresh profile, which computes WebGPU in software. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, chromiumSandbox: false, args: [...quiet, ...webgpuWithoutGpu] });
}

const startMilliseconds = 30_000;

/** Waits until the page has put what a test can call in place; `before` runs ahead of its own script. */
export async function openPage(browser: Browser, url: string, before: () => void = () => {}): Promise<Page> {
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.addInitScript(before);
  await page.goto(url, { timeout: startMilliseconds });
  const started = page.waitForFunction(() => "orbifold" in globalThis, undefined, { timeout: startMilliseconds });
  await started.catch((cause: Error) => {
    throw new Error(`${url} did not start: ${errors.join("; ") || cause.message}`, { cause });
  });
  return page;
}
