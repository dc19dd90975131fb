import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { engineLaws } from "./engine-laws.ts";
import type { Outcome } from "./engine-matrix.ts";
import { expectLaw, expectWithin, webgpuTolerance } from "./engine-verdicts.ts";
import { operatorCases } from "./operator-cases.ts";

/** The software Vulkan of Debian's chromium package; the loader that it needs lies beside it. */
const driver = "/usr/lib/chromium/vk_swiftshader_icd.json";
const hasDriver = existsSync(driver);
const milliseconds = 180_000;

/** What SwiftShader cannot do, and the words in which that is refused. */
const refusals: Readonly<Record<string, string>> = {
  "computes with float16": "requires f16 but the device does not support it",
};

/** Runs the matrix in a process of its own, because the Vulkan loader reads its environment when a process starts. */
function runProcess(environment: Readonly<Record<string, string>>) {
  const script = fileURLToPath(new URL("native-webgpu-process.ts", import.meta.url));
  const env = { ...process.env, ...environment };
  return promisify(execFile)(process.execPath, [script], { env, timeout: milliseconds, maxBuffer: 2 ** 24 });
}

describe.skipIf(!hasDriver)(`native WebGPU${hasDriver ? "" : ` (skipped: no ${driver})`}`, () => {
  let matrix: Record<string, Outcome>;
  let laws: Record<string, unknown>;
  beforeAll(async () => {
    const { stdout } = await runProcess({ VK_DRIVER_FILES: driver, LD_LIBRARY_PATH: dirname(driver) });
    ({ matrix, laws } = JSON.parse(stdout));
  });

  it.each(operatorCases)("$name, value and gradient, against the reference", ({ name }) => {
    expectWithin(matrix[name], webgpuTolerance(name));
  });
  it.each(engineLaws)("$name, where it can", (law) => expectLaw(law, laws, refusals[law.name]));
});

describe.skipIf(process.platform !== "linux")("native WebGPU without a device", () => {
  it("says so in one line and ends the process in good order", async () => {
    const failure = await runProcess({ VK_DRIVER_FILES: "/nowhere.json" }).catch((error) => error);
    expect(failure).toMatchObject({ code: 1, signal: null });
    expect(failure.stderr).toMatch(
      /^InputError: webgpu: expected a Vulkan, Metal or Direct3D 12 device, got none; use the provider "cpu", or .*$/m,
    );
  });
});
