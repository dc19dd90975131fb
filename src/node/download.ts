import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as delay } from "node:timers/promises";
import { check, InputError, type InputErrorDetails } from "../errors.ts";
import { claimPart, releasePart } from "./part-file.ts";

const attempts = 4;

/** How far a download is, in bytes. */
export interface DownloadProgress {
  readonly url: string;
  readonly received: number;
  readonly size: number;
}

export interface DownloadOptions {
  /** The length in bytes that the file must have. */
  readonly size: number;
  /** The SHA-256 that it must have, in lower-case hexadecimal. */
  readonly sha256: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  readonly fetch?: typeof fetch | undefined;
  /** Wait before the second attempt, doubled before each further one; 500 by default. */
  readonly retryDelayMs?: number | undefined;
}

/**
 * Downloads a file whose length and SHA-256 are known. Bytes are collected beside `destination`, which appears, or is
 * replaced, only once they are all there and verified. An interrupted download is continued by the next one. Several
 * processes may download the same file at the same time.
 */
export async function download(url: string, destination: string, options: DownloadOptions): Promise<void> {
  checkUrl(url);
  try {
    await mkdir(dirname(destination), { recursive: true });
    await downloadBeside(url, destination, options);
  } catch (error) {
    throw isSystemError(error) ? cannotWrite(destination, error) : error;
  }
}

async function downloadBeside(url: string, destination: string, options: DownloadOptions): Promise<void> {
  const part = await claimPart(destination);
  try {
    await fillPart(url, part, options);
    await rename(part, destination);
  } catch (error) {
    const isWrong = error instanceof InputError && error.code === "download-mismatch";
    await (isWrong ? rm(part, { force: true }) : releasePart(part, destination));
    throw error;
  }
}

async function fillPart(url: string, part: string, options: DownloadOptions): Promise<void> {
  const file = await open(part, "a");
  try {
    const isResumed = (await file.stat()).size > 0;
    await receive(url, file, options);
    // Bytes left by an earlier download may be of another version of the file.
    if (isResumed && (await fileSha256(part)) !== options.sha256) {
      await file.truncate(0);
      await receive(url, file, options);
    }
    await file.sync();
  } finally {
    await file.close();
  }
  const found = await fileSha256(part);
  check(found === options.sha256, () => mismatch(url, `SHA-256 ${options.sha256}`, found));
}

/** Appends what is missing, and tries again when the connection fails. */
async function receive(url: string, file: FileHandle, options: DownloadOptions): Promise<void> {
  const { signal, retryDelayMs = 500 } = options;
  for (let attempt = 1; ; attempt++) {
    try {
      return await receiveRest(url, file, options);
    } catch (error) {
      if (!(error instanceof ConnectionFailure)) throw error;
      check(attempt < attempts, () => unreachable(url, error));
    }
    await delay(retryDelayMs * 2 ** (attempt - 1), undefined, signal ? { signal } : {});
  }
}

async function receiveRest(url: string, file: FileHandle, options: DownloadOptions): Promise<void> {
  const { size, signal, onProgress } = options;
  const stored = await storedBytes(file, size);
  if (stored === size) return;
  const response = await request(url, stored, options);
  let received = await acceptFrom(response, file, stored);
  const announced = announcedSize(response);
  check(announced === null || announced === size, () => mismatch(url, `${size} bytes`, `${announced}`));
  for await (const chunk of bodyOf(response, signal)) {
    received += chunk.length;
    check(received <= size, () => mismatch(url, `${size} bytes`, "more"));
    await file.appendFile(chunk);
    onProgress?.({ url, received, size });
  }
  check(received === size, () => mismatch(url, `${size} bytes`, `${received}`));
}

/** What is already there and may be continued. */
async function storedBytes(file: FileHandle, size: number): Promise<number> {
  const { size: stored } = await file.stat();
  if (stored <= size) return stored;
  await file.truncate(0);
  return 0;
}

async function request(url: string, stored: number, options: DownloadOptions): Promise<Response> {
  const { signal = null, fetch: send = fetch } = options;
  // A server that compresses what is compressed already would change the bytes that are counted here.
  const headers = { "accept-encoding": "identity", ...(stored > 0 && { range: `bytes=${stored}-` }) };
  const response = await send(url, { headers, signal }).catch((error) => {
    throw connectionFailure(error, signal);
  });
  if (response.ok || response.status === 416) return response;
  await response.body?.cancel();
  const status = `status ${response.status}${response.statusText && ` (${response.statusText})`}`;
  if (response.status >= 500 || response.status === 408 || response.status === 429) throw new ConnectionFailure(status);
  throw new InputError({
    code: "download-failed",
    where: url,
    message: `expected a file, got ${status}`,
    remedy: "check the address",
  });
}

/** The byte at which the response starts: where the file ends, or 0 for a server that sends all of it again. */
async function acceptFrom(response: Response, file: FileHandle, stored: number): Promise<number> {
  const start = response.status === 206 ? contentRange(response)?.start : 0;
  if (response.ok && start === stored) return stored;
  await file.truncate(0);
  if (response.ok && start === 0) return 0;
  await response.body?.cancel();
  throw new ConnectionFailure(`status ${response.status} instead of the bytes from ${stored} on`);
}

function announcedSize(response: Response): number | null {
  if (response.status === 206) return contentRange(response)?.total ?? null;
  const length = response.headers.get("content-length");
  return length === null ? null : Number(length);
}

function contentRange(response: Response): { readonly start: number; readonly total: number | null } | null {
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(response.headers.get("content-range") ?? "");
  return range && { start: Number(range[1]), total: range[2] === "*" ? null : Number(range[2]) };
}

async function* bodyOf(response: Response, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of response.body ?? []) yield chunk;
  } catch (error) {
    throw connectionFailure(error, signal);
  }
}

async function fileSha256(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

/** Worth another attempt. */
class ConnectionFailure extends Error {}

function connectionFailure(error: unknown, signal?: AbortSignal | null): unknown {
  if (signal?.aborted) return error;
  const { message, cause } = error as Error;
  // fetch says only "fetch failed"; what happened is in its cause, where it may be a code without a message.
  const reason = cause instanceof Error ? cause.message || (cause as NodeJS.ErrnoException).code : message;
  return new ConnectionFailure(reason ?? message, { cause: error });
}

function checkUrl(url: string): void {
  check(/^https?:/.test(url) && URL.canParse(url), () => ({
    code: "bad-url",
    where: "download",
    message: `expected an http or https address, got "${url}"`,
  }));
}

function mismatch(url: string, expected: string, got: string): InputErrorDetails {
  return {
    code: "download-mismatch",
    where: url,
    message: `expected ${expected}, got ${got}`,
    remedy: "the server holds another file; use another mirror",
  };
}

function unreachable(url: string, failure: ConnectionFailure): InputErrorDetails {
  return {
    code: "download-failed",
    where: url,
    message: `expected a file, got ${failure.message} (${attempts} attempts)`,
    remedy: "check the network",
    cause: failure,
  };
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && "syscall" in error;
}

function cannotWrite(destination: string, error: NodeJS.ErrnoException): InputError {
  return new InputError({
    code: "cannot-write",
    where: destination,
    message: `expected to write the download there, got ${error.code}`,
    remedy: "choose another folder or free some space",
    cause: error,
  });
}
