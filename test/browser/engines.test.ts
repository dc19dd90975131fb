import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { engineLaws } from "../engine-laws.ts";
import type { Outcome } from "../engine-matrix.ts";
import { expectLaw, expectWithin, tolerances, webgpuTolerance } from "../engine-verdicts.ts";
import { goldenBytes } from "../golden/safetensors/goldens.ts";
import { operatorCases } from "../operator-cases.ts";
import { portableDigests } from "../portable-digests.ts";
import { findChromium, launchChromium, openPage } from "./chromium.ts";
import { openSite, type Site } from "./site.ts";

const executable = findChromium();
const browserName = executable ?? "a browser (skipped: no Chromium found, ORBIFOLD_CHROMIUM can name one)";

/** What SwiftShader, or WebGPU in a browser, cannot do, and the words in which that is refused. */
const webgpuRefusals: Readonly<Record<string, string>> = {
  "computes with float16": "requires f16 but the device does not support it",
  "computes with float64": "expected a graph without float64",
};

describe.skipIf(!executable)(`in ${browserName}`, () => {
  let site: Site;
  let browser: Browser;
  let page: Page;

  beforeAll(async () => {
    site = await openSite();
    browser = await launchChromium(executable as string);
    page = await openPage(browser, site.url);
  });

  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  for (const dtype of ["float32", "float64"] as const) {
    describe(`WebAssembly against the reference in ${dtype}`, () => {
      let outcomes: Record<string, Outcome>;
      beforeAll(async () => {
        outcomes = await page.evaluate((type) => orbifold.matrix("wasm", type), dtype);
      });
      it.each(operatorCases)("$name, value and gradient", ({ name }) => {
        expectWithin(outcomes[name], tolerances[dtype]);
      });
    });
  }

  describe("WebAssembly", () => {
    let observed: Record<string, unknown>;
    beforeAll(async () => {
      observed = await page.evaluate(() => orbifold.laws("wasm"));
    });
    it.each(engineLaws)("$name", (law) => expectLaw(law, observed));

    it("uses the threads it is given in a page that is cross-origin isolated", async () => {
      expect(await page.evaluate(() => orbifold.threads("wasm"))).toBe(2);
    });
  });

  describe("WebGPU", () => {
    let hasAdapter: boolean;
    let outcomes: Record<string, Outcome>;
    let observed: Record<string, unknown>;
    beforeAll(async () => {
      hasAdapter = await page.evaluate(() => orbifold.hasAdapter());
      if (!hasAdapter) return;
      outcomes = await page.evaluate(() => orbifold.matrix("webgpu", "float32"));
      observed = await page.evaluate(() => orbifold.laws("webgpu"));
    });
    beforeEach(({ skip }) => skip(!hasAdapter, "this browser offers no WebGPU adapter"));

    it.each(operatorCases)("$name, value and gradient, against the reference", ({ name }) => {
      expectWithin(outcomes[name], webgpuTolerance(name));
    });
    it.each(engineLaws)("$name, where it can", (law) => expectLaw(law, observed, webgpuRefusals[law.name]));

    it("refuses the WebGPU of plain onnxruntime-web, which computes wrong gradients", async () => {
      const refusal = await page.evaluate(() => orbifold.webgpuRefusal("plain"));
      expect(refusal).toMatch(
        /^InputError: webgpu: expected .* got 0; import the runtime from "onnxruntime-web\/webgpu"$/,
      );
    });
  });

  describe("a page that is not cross-origin isolated, without WebGPU", () => {
    let alone: Page;
    beforeAll(async () => {
      alone = await openPage(browser, `${site.url}alone`, () => {
        Object.defineProperty(navigator, "gpu", { value: undefined });
      });
    });

    it("computes on one thread", async () => {
      const observed = await alone.evaluate(() => orbifold.laws("wasm"));
      for (const law of engineLaws) expectLaw(law, observed);
      expect(await alone.evaluate(() => orbifold.threads("wasm"))).toBe(1);
    });

    it("says that there is no adapter", async () => {
      const refusal = await alone.evaluate(() => orbifold.webgpuRefusal("webgpu"));
      expect(refusal).toMatch(/^InputError: webgpu: expected a browser .* got none; use the provider "wasm"$/);
    });
  });

  it("reads data sets and checkpoints and draws random numbers to the same bytes as Node", async () => {
    const safetensors = goldenBytes("dtypes");
    const there = await page.evaluate((bytes) => orbifold.digests(bytes), [...safetensors]);
    expect(there).toEqual(await portableDigests(safetensors));
    expect(Object.keys(there).length).toBeGreaterThan(15);
  });
});
