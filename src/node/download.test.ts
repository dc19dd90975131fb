import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type DownloadProgress, download } from "./download.ts";

const content = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * i + (i >> 8)) % 251));
const middle = 100_000;
const sha256 = createHash("sha256").update(content).digest("hex");
const options = { size: content.length, sha256, retryDelayMs: 1, onProgress: cutInTheMiddle };

let waiting: ServerResponse | undefined;
function cutInTheMiddle({ received }: DownloadProgress): void {
  if (received === middle) waiting?.destroy();
}

let folder: string;
let destination: string;
const servers: { stop: () => void }[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "orbifold-"));
  destination = join(folder, "below", "data.gz");
});
afterEach(() => {
  for (const { stop } of servers.splice(0)) stop();
  rmSync(folder, { recursive: true });
});

/** Serves on loopback; the n-th request is answered by the n-th listener, and all later ones by the last. */
async function serve(...listeners: RequestListener[]) {
  const ranges: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    const listener = listeners[Math.min(ranges.length, listeners.length - 1)] as RequestListener;
    ranges.push(request.headers.range);
    listener(request, response);
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  servers.push({ stop });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/data.gz`, ranges, stop };
}

function sendAll(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { "content-length": content.length }).end(content);
}

function sendRange(request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1] ?? 0);
  const range = `bytes ${start}-${content.length - 1}/${content.length}`;
  if (start === 0) sendAll(request, response);
  else response.writeHead(206, { "content-range": range }).end(content.subarray(start));
}

/** Sends a part and waits; `cutInTheMiddle` cuts the connection once the client has it. */
function sendPart(_: IncomingMessage, response: ServerResponse): void {
  waiting = response;
  response.writeHead(200, { "content-length": content.length });
  response.write(content.subarray(0, middle));
}

function status(code: number): RequestListener {
  return (_, response) => void response.writeHead(code).end("no");
}

function send(bytes: Buffer, headers = {}): RequestListener {
  return (_, response) => void response.writeHead(200, headers).end(bytes);
}

function send206(range: string): RequestListener {
  return (_, response) => void response.writeHead(206, { "content-range": range }).end("bytes");
}

/** As a download that stopped leaves them. */
function leavePart(bytes: Buffer): void {
  mkdirSync(dirname(destination));
  writeFileSync(`${destination}.part`, bytes);
}

function leftovers(): string[] {
  return readdirSync(join(folder, "below"));
}

describe("download", () => {
  test("brings the whole file and reports progress up to its size", async () => {
    const { url, ranges } = await serve(sendAll);
    const seen: DownloadProgress[] = [];
    await download(url, destination, { ...options, onProgress: (progress) => seen.push(progress) });
    expect(readFileSync(destination).equals(content)).toBe(true);
    expect(seen.at(-1)).toEqual({ url, received: content.length, size: content.length });
    expect(ranges).toEqual([undefined]);
    expect(leftovers()).toEqual(["data.gz"]);
  });

  test("continues where a cut connection stopped", async () => {
    const { url, ranges } = await serve(sendPart, sendRange);
    await download(url, destination, options);
    expect(readFileSync(destination).equals(content)).toBe(true);
    expect(ranges).toEqual([undefined, `bytes=${middle}-`]);
  });

  test("continues what an earlier download left", async () => {
    leavePart(content.subarray(0, middle));
    const { url, ranges } = await serve(sendRange);
    await download(url, destination, options);
    expect(readFileSync(destination).equals(content)).toBe(true);
    expect(ranges).toEqual([`bytes=${middle}-`]);
    expect(leftovers()).toEqual(["data.gz"]);
  });

  test("needs no request for a part that is complete", async () => {
    leavePart(content);
    const { url, ranges } = await serve(status(500));
    await download(url, destination, options);
    expect(ranges).toEqual([]);
    expect(readFileSync(destination).equals(content)).toBe(true);
  });

  test("starts over with a server that ignores ranges", async () => {
    const { url, ranges } = await serve(sendPart, sendAll);
    await download(url, destination, options);
    expect(readFileSync(destination).equals(content)).toBe(true);
    expect(ranges).toEqual([undefined, `bytes=${middle}-`]);
  });

  test.each([
    ["refuses the range", status(416)],
    ["answers with another range", send206("bytes 5-9/300000")],
  ])("starts over with a server that %s", async (_, listener) => {
    leavePart(content.subarray(0, middle));
    const { url, ranges } = await serve(listener, sendRange);
    await download(url, destination, options);
    expect(readFileSync(destination).equals(content)).toBe(true);
    expect(ranges).toEqual([`bytes=${middle}-`, undefined]);
  });

  test.each([
    ["is of another file", Buffer.alloc(middle, 7)],
    ["has the right length and wrong bytes", Buffer.alloc(content.length, 7)],
    ["is too long", Buffer.alloc(content.length + 1, 7)],
  ])("starts over when what was left %s", async (_, bytes) => {
    leavePart(bytes);
    const { url } = await serve(sendRange);
    await download(url, destination, options);
    expect(readFileSync(destination).equals(content)).toBe(true);
  });

  test("tries again after a server error", async () => {
    const { url, ranges } = await serve(status(500), status(503), sendAll);
    await download(url, destination, options);
    expect(ranges).toHaveLength(3);
    expect(readFileSync(destination).equals(content)).toBe(true);
  });

  test("refuses other bytes of the right length, and keeps nothing", async () => {
    const other = Buffer.alloc(content.length, 1);
    const { url, ranges } = await serve(send(other));
    const got = createHash("sha256").update(other).digest("hex");
    const message = `${url}: expected SHA-256 ${sha256}, got ${got}; the server holds another file; use another mirror`;
    await expect(download(url, destination, options)).rejects.toThrow(message);
    expect(ranges).toHaveLength(1);
    expect(leftovers()).toEqual([]);
  });

  test.each([
    ["announces another length", send(content.subarray(1), { "content-length": content.length - 1 }), "299999"],
    ["ends early", send(content.subarray(1), { "transfer-encoding": "chunked" }), "299999"],
    ["never ends", send(Buffer.concat([content, content]), { "transfer-encoding": "chunked" }), "more"],
  ])("refuses a server that %s, and keeps nothing", async (_, listener, got) => {
    const { url } = await serve(listener);
    const failed = download(url, destination, options);
    await expect(failed).rejects.toThrow(`${url}: expected 300000 bytes, got ${got}`);
    expect(leftovers()).toEqual([]);
  });

  test("refuses a missing file at once", async () => {
    const { url, ranges } = await serve(status(404));
    const failed = download(url, destination, options);
    await expect(failed).rejects.toThrow(`${url}: expected a file, got status 404 (Not Found); check the address`);
    expect(ranges).toHaveLength(1);
  });

  test("gives up on a server that always fails, keeping what it got", async () => {
    const { url, ranges } = await serve(sendPart, status(500));
    await expect(download(url, destination, options)).rejects.toThrow(
      "got status 500 (Internal Server Error) (4 attempts)",
    );
    expect(ranges).toHaveLength(4);
    expect(readFileSync(`${destination}.part`).equals(content.subarray(0, middle))).toBe(true);
    expect(existsSync(destination)).toBe(false);
  });

  test("says in one line that nobody listens", async () => {
    const { url, stop } = await serve(sendAll);
    stop();
    await expect(download(url, destination, options)).rejects.toThrow(
      /^http:[^\n]*ECONNREFUSED[^\n]*; check the network$/,
    );
  });

  test("stops when asked to, and can be continued", async () => {
    const { url, ranges } = await serve(sendPart, sendRange);
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const stopped = download(url, destination, { ...options, signal: controller.signal, onProgress });
    await expect(stopped).rejects.toMatchObject({ name: "AbortError" });
    expect(leftovers()).toEqual(["data.gz.part"]);
    await download(url, destination, options);
    expect(ranges[1]).toMatch(/^bytes=\d+-$/);
    expect(readFileSync(destination).equals(content)).toBe(true);
  });

  test("can run several times at once", async () => {
    leavePart(content.subarray(0, middle));
    const { url } = await serve(sendRange);
    await Promise.all(Array.from({ length: 5 }, () => download(url, destination, options)));
    expect(readFileSync(destination).equals(content)).toBe(true);
    expect(leftovers()).toEqual(["data.gz"]);
  });

  test("says where it cannot write", async () => {
    writeFileSync(join(folder, "below"), "a file, not a folder");
    const { url } = await serve(sendAll);
    const failed = download(url, destination, options);
    await expect(failed).rejects.toThrow(/data\.gz: expected to write the download there, got (EEXIST|ENOTDIR)/);
  });

  test.each(["data.gz", "file:///etc/passwd", "http://"])("refuses the address %s", async (url) => {
    await expect(download(url, destination, options)).rejects.toThrow(`got "${url}"`);
  });
});
