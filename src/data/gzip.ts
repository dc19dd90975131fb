import { check, InputError } from "../errors.ts";

/** The contents of one gzip member. Stops, with an error, as soon as they exceed `limitBytes`. */
export async function gunzip(
  bytes: Uint8Array<ArrayBuffer>,
  limitBytes: number,
  where: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of inflate(bytes, where)) {
    length += chunk.byteLength;
    check(length <= limitBytes, () => ({
      code: "gzip-too-large",
      where,
      message: `expected at most ${limitBytes} bytes once decompressed, got more`,
    }));
    chunks.push(chunk);
  }
  return concatenate(chunks, length);
}

async function* inflate(bytes: Uint8Array<ArrayBuffer>, where: string): AsyncGenerator<Uint8Array> {
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause) => {
        throw corrupt(cause, where);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function corrupt(error: unknown, where: string): InputError {
  // Node leaves the message of a stream error empty and puts zlib's own in its cause.
  const { message, cause } = error as Error;
  const reason = message || (cause instanceof Error ? cause.message : "unreadable");
  return new InputError({
    code: "gzip-corrupt",
    where,
    message: `expected one whole gzip stream, got damaged data (${reason.toLowerCase()})`,
    remedy: "fetch the file again",
    cause: error,
  });
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
