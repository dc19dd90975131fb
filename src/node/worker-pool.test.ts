import { setTimeout } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "../errors.ts";
import { workerPool } from "./worker-pool.ts";

type Job = {
  readonly kind: "square" | "refuse" | "fail" | "throw" | "wait" | "exit" | "crash";
  readonly x: number;
};

const module = new URL("../../test/fixtures/worker-module", import.meta.url);
const pool = workerPool<number, Job, number>(2, { module, setup: 100 });
afterAll(() => pool[Symbol.asyncDispose]());

describe("workerPool", () => {
  it("gives every job its own result, with what all jobs have in common", async () => {
    const jobs = Array.from({ length: 7 }, (_, x) => pool.run({ kind: "square", x }));
    expect(await Promise.all(jobs)).toEqual([0, 1, 4, 9, 16, 25, 36].map((square) => 100 + square));
  });

  it("reports progress", async () => {
    const reports: number[] = [];
    await pool.run({ kind: "square", x: 3 }, { onProgress: (fraction) => reports.push(fraction) });
    expect(reports).toEqual([0.5, 1]);
  });

  it("brings errors back as what they are", async () => {
    await expect(pool.run({ kind: "refuse", x: 5 })).rejects.toBeInstanceOf(InputError);
    await expect(pool.run({ kind: "refuse", x: 5 })).rejects.toMatchObject({
      code: "bad-x",
      message: "job: expected another number, got 5; choose one",
    });
    await expect(pool.run({ kind: "fail", x: 6 })).rejects.toThrow(/^no 6$/);
    await expect(pool.run({ kind: "throw", x: 7 })).rejects.toThrow(/^7$/);
  });

  it("stops a job whose signal is raised, before or after it has begun", async () => {
    const controller = new AbortController();
    const jobs = [1, 2, 3].map((x) => pool.run({ kind: "wait", x }, { signal: controller.signal }));
    controller.abort(new Error("enough"));
    const reasons = (await Promise.allSettled(jobs)).map(
      (result) => result.status === "rejected" && result.reason.message,
    );
    expect(reasons).toEqual(["enough", "enough", "enough"]);
    expect(await pool.run({ kind: "square", x: 2 })).toBe(104);
  });

  it("stops a job that waits for a thread at once", async () => {
    const [busy, waiting] = [new AbortController(), new AbortController()];
    const jobs = [1, 2].map((x) => pool.run({ kind: "wait", x }, { signal: busy.signal }));
    const last = pool.run({ kind: "square", x: 3 }, { signal: waiting.signal });
    waiting.abort(new Error("not needed"));
    await expect(last).rejects.toThrow("not needed");
    busy.abort(new Error("enough"));
    expect((await Promise.allSettled(jobs)).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(pool.run({ kind: "square", x: 4 }, { signal: busy.signal })).rejects.toThrow("enough");
  });

  it("refuses a job that cannot be sent, and goes on", async () => {
    const job = { kind: "square", x: 3, f: () => 3 } as const;
    await expect(pool.run(job)).rejects.toThrow(/could not be cloned/);
    expect(await pool.run({ kind: "square", x: 3 })).toBe(109);
  });

  it("outlives a thread that breaks while it has nothing to do", async () => {
    expect(await pool.run({ kind: "crash", x: 1 })).toBe(101);
    await setTimeout(300);
    const jobs = [1, 2, 3].map((x) => pool.run({ kind: "square", x }));
    expect(await Promise.all(jobs)).toEqual([101, 104, 109]);
  });

  it("rejects every job where its module is not there", async () => {
    const missing = new URL("./no-such-module", import.meta.url);
    await using lost = workerPool<null, number, number>(1, { module: missing, setup: null });
    const reasons = (await Promise.allSettled([lost.run(1), lost.run(2)])).map((result) => result.status);
    expect(reasons).toEqual(["rejected", "rejected"]);
    await expect(lost.run(3)).rejects.toThrow(/no-such-module/);
  });

  it("rejects what is under way, waits or comes later once it is disposed of", async () => {
    const short = workerPool<number, Job, number>(1, { module, setup: 100 });
    await short.run({ kind: "square", x: 1 });
    const jobs = [1, 2, 3].map((x) => short.run({ kind: "wait", x }));
    const ended = Promise.allSettled(jobs);
    await short[Symbol.asyncDispose]();
    const closed = "internal: a pool of threads was disposed of before its jobs were done";
    expect((await ended).map((result) => result.status === "rejected" && result.reason.message)).toEqual([
      closed,
      closed,
      closed,
    ]);
    await expect(short.run({ kind: "square", x: 1 })).rejects.toThrow(closed);
  });

  it("goes on with another thread where one has ended", async () => {
    await expect(pool.run({ kind: "exit", x: 3 })).rejects.toThrow("internal: a worker thread ended with status 3");
    const jobs = [1, 2, 3].map((x) => pool.run({ kind: "square", x }));
    expect(await Promise.all(jobs)).toEqual([101, 104, 109]);
  });
});
