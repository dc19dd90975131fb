import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { formatProgress, formatSeconds, progressBar } from "./progress-bar.ts";

const erase = "\r\u001b[2K";

function fakeTerminal(columns?: number) {
  const written: string[] = [];
  return {
    isTTY: true,
    ...(columns !== undefined && { columns }),
    written,
    write: (text: string) => written.push(text),
  };
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const report = { label: "training", total: 1000, unit: "step" };

describe("progressBar", () => {
  it("shows rate and time to go, and erases itself at the end", () => {
    const stream = fakeTerminal(80);
    const bar = progressBar({ stream });
    bar.update({ ...report, done: 0 });
    vi.advanceTimersByTime(2000);
    bar.update({ ...report, done: 400, note: "loss 0.5" });
    bar[Symbol.dispose]();
    expect(stream.written).toEqual([
      `${erase}training  0 %`,
      `${erase}training  40 %  200 steps/s  3 s left  loss 0.5`,
      erase,
    ]);
  });

  it("counts the rate from where it started", () => {
    const stream = fakeTerminal(80);
    const bar = progressBar({ stream });
    bar.update({ ...report, done: 900 });
    vi.advanceTimersByTime(1000);
    bar.update({ ...report, done: 950 });
    expect(stream.written.at(-1)).toBe(`${erase}training  95 %  50 steps/s  1 s left`);
  });

  it("starts counting anew with another task", () => {
    const stream = fakeTerminal(80);
    const bar = progressBar({ stream });
    bar.update({ ...report, label: "first", done: 0 });
    vi.advanceTimersByTime(10_000);
    bar.update({ ...report, label: "second", done: 0 });
    vi.advanceTimersByTime(1000);
    bar.update({ ...report, label: "second", done: 100 });
    expect(stream.written.at(-1)).toBe(`${erase}second  10 %  100 steps/s  9 s left`);
  });

  it("draws at most ten times a second, and always at the end", () => {
    const stream = fakeTerminal(80);
    const bar = progressBar({ stream });
    for (let done = 1; done <= 1000; done++) {
      bar.update({ ...report, done });
      vi.advanceTimersByTime(1);
    }
    expect(stream.written.length).toBe(11);
    expect(stream.written.at(-1)).toContain("100 %");
  });

  it.each([
    [40, 39],
    [10, 9],
    [1, 0],
    [undefined, 57],
    [0, 57],
  ])("leaves the last column of a terminal of %s free", (columns, length) => {
    const stream = fakeTerminal(columns);
    const bar = progressBar({ stream });
    bar.update({ ...report, done: 0 });
    vi.advanceTimersByTime(1000);
    bar.update({ ...report, done: 10, note: "loss 0.123456" });
    expect(stream.written.at(-1)?.length).toBe(erase.length + length);
  });

  it("says nothing where there is no terminal, or quiet is asked for", () => {
    const stream = fakeTerminal(80);
    for (const bar of [progressBar({ stream, quiet: true }), progressBar({ stream: { ...stream, isTTY: false } })]) {
      bar.update({ ...report, done: 500 });
      bar[Symbol.dispose]();
    }
    expect(stream.written).toEqual([]);
  });

  it("erases nothing if it never showed anything", () => {
    const stream = fakeTerminal(80);
    progressBar({ stream })[Symbol.dispose]();
    expect(stream.written).toEqual([]);
  });
});

describe("formatProgress", () => {
  it.each([
    [{ label: "fetching x", done: 5e6, total: 1e7, unit: "byte" }, 2.5e6, "fetching x  50 %  2.5 MB/s  2 s left"],
    [{ ...report, done: 999 }, 99.7, "training  99 %  100 steps/s  0 s left"],
    [{ ...report, done: 1 }, 0.123, "training  0 %  0.12 steps/s  2 h 15 min left"],
    [{ ...report, done: 0, total: 0 }, 0, "training  0 %"],
  ])("%#", (progress, rate, line) => {
    expect(formatProgress(progress, rate)).toBe(line);
  });
});

describe("formatSeconds", () => {
  it.each([
    [0, "0 s"],
    [59.4, "59 s"],
    [59.6, "1 min 0 s"],
    [200, "3 min 20 s"],
    [3599.9, "1 h 0 min"],
    [7500, "2 h 5 min"],
  ])("%s", (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });
});
