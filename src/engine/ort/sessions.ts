import type * as Ort from "onnxruntime-common";
import type { OrtSession } from "./module.ts";

interface CachedSession {
  readonly session: Promise<OrtSession>;
  users: number;
}

export type SessionOptions = Ort.InferenceSession.SessionOptions;

/** Sessions by the content of their model, each released with its last user. */
export function sessionCache(create: (bytes: Uint8Array, options: SessionOptions) => Promise<OrtSession>) {
  const cached = new Map<string, CachedSession>();
  const drop = async (key: string, entry: CachedSession) => {
    entry.users--;
    if (entry.users > 0) return;
    if (cached.get(key) === entry) cached.delete(key);
    await (await entry.session).release();
  };
  return {
    async acquire(bytes: Uint8Array<ArrayBuffer>, options: SessionOptions) {
      const key = await contentKey(bytes);
      const entry = cached.get(key) ?? { session: create(bytes, options), users: 0 };
      entry.users++;
      cached.set(key, entry);
      entry.session.catch(() => cached.delete(key));
      let released = false;
      const release = async () => {
        if (!released) await drop(key, entry);
        released = true;
      };
      return { session: await entry.session, release };
    },
    async clear() {
      const sessions = [...cached.values()].map(({ session }) => session);
      cached.clear();
      await Promise.all(sessions.map(async (session) => (await session).release()));
    },
  };
}

async function contentKey(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return String.fromCharCode(...digest);
}
