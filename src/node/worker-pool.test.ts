import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "../errors.ts";
import { workerPool } from "./worker-pool.ts";

type Job = { readonly kind: "square" | "refuse" | "fail" | "wait" | "exit"; readonly x: number };

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

  it("goes on with another thread where one has ended", async () => {
    await expect(pool.run({ kind: "exit", x: 3 })).rejects.toThrow("internal: a worker thread ended with status 3");
    const jobs = [1, 2, 3].map((x) => pool.run({ kind: "square", x }));
    expect(await Promise.all(jobs)).toEqual([101, 104, 109]);
  });
});
