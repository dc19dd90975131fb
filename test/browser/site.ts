import { readFile } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Rolldown } from "vite";

export interface Site extends AsyncDisposable {
  /** Of the page that may use threads; the same page at `/alone` may not. */
  readonly url: string;
}

const html = `<!doctype html><title>Orbifold</title><link rel="icon" href="data:,"><script type="module" src="/page.js"></script>`;
const ortFolder = new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url);
const types: Readonly<Record<string, string>> = {
  "": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};
const isolation = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** The page of page.ts on a free port of this machine, with the files that ONNX Runtime loads at `/ort/`. */
export async function openSite(): Promise<Site> {
  const script = await buildPage();
  const server = createServer(({ url = "/" }, response) => {
    contentOf(url, script).then(
      (content) => respond(response, url, content),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function buildPage(): Promise<string> {
  const result = await build({
    configFile: false,
    logLevel: "error",
    root: fileURLToPath(new URL(".", import.meta.url)),
    // Without this condition every bundle of ONNX Runtime carries its own copy of what it loads from `/ort/`.
    resolve: { conditions: ["onnxruntime-web-use-extern-wasm", "module", "browser"] },
    build: {
      write: false,
      minify: false,
      target: "esnext",
      rolldownOptions: { input: fileURLToPath(new URL("page.ts", import.meta.url)) },
    },
  });
  const { output } = result as Rolldown.RolldownOutput;
  return output[0].code;
}

async function contentOf(url: string, script: string): Promise<string | Uint8Array> {
  if (url === "/" || url === "/alone") return html;
  if (url === "/page.js") return script;
  const [, file] = /^\/ort\/([\w.-]+)$/.exec(url) ?? [];
  if (!file) throw new Error(`nothing at ${url}`);
  return readFile(new URL(file, ortFolder));
}

function respond(response: ServerResponse, url: string, content: string | Uint8Array): void {
  const headers = { "content-type": types[extname(url)], ...(url !== "/alone" && isolation) };
  response.writeHead(200, headers).end(content);
}
