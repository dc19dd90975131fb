import { openSite } from "./site.ts";
import { launchChromium, findChromium } from "./chromium.ts";
await using site = await openSite();
const browser = await launchChromium(findChromium()!);
try {
const page = await browser.newPage();
await page.goto(site.url); await page.waitForFunction(()=>"orbifold" in globalThis, undefined, {timeout: 10000});
for (const t of ["float16", "float64"]) console.log(t, await page.evaluate(t=>tryit("wasm", t),t));
console.log("wasm f64 in webgpu module", (await page.evaluate(()=>mat("wasm","float64"))));
const bad = await page.evaluate(()=>mat("webgpu","float64")); console.log("webgpu f64", bad.length, bad.slice(0,4));
} finally { await browser.close(); }
