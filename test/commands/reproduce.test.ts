import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import type { Claim } from "../../src/papers/index.ts";
import { contentsOf, orbifold, start, temporaryFolder } from "./orbifold.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

async function reproduce(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, "reproduce", ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  const json = JSON.parse(stdout);
  return { ...json, claimOf: (id: string): Claim => json.claims.find((claim: Claim) => claim.id === id) };
}

function tasksIn(name: string): string[] {
  try {
    return readdirSync(join(folder.path, name, "tasks")).filter((file) => file.endsWith(".json"));
  } catch {
    return [];
  }
}

async function untilTasks(name: string, count: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (tasksIn(name).length < count) {
    if (performance.now() > deadline) throw new Error(`expected ${count} tasks in ${name}`);
    await setTimeout(5);
  }
}

/** What a page could load; the name of SVG is all that may look like an address. */
function references(html: string): string[] {
  return (
    html
      .replaceAll('xmlns="http://www.w3.org/2000/svg"', "")
      .match(/https?:|src=|href=|url\(|@import|<script|<link/g) ?? []
  );
}

describe("reproduce michelucci2022", () => {
  it("confirms the formulas, and says where the tables are truncated", async () => {
    const { claims, claimOf, tasks, report } = await reproduce("michelucci2022", "--quick", "-o", "michelucci");
    expect(report).toBe(join("michelucci", "report.html"));
    expect(tasks).toEqual({ computed: 10, reused: 0 });
    expect(claims.filter(({ status }: Claim) => status === "fail" || status === "not-run")).toEqual([]);
    expect(claimOf("dense-members")).toMatchObject({ measured: 12, status: "pass" });
    expect(claimOf("dense-signs")).toMatchObject({ measured: 384, status: "different" });
    expect(claimOf("table-vgg16")).toMatchObject({ published: 35160, status: "different", why: expect.any(String) });
    expect(claimOf("table-vgg16").measured).toBeCloseTo(35168.54964, 6);
    expect(claimOf("table-mlp-3x512")).toMatchObject({ published: 3498, status: "different" });
    expect(claimOf("table-mlp-3x512")).not.toHaveProperty("origin");
    expect(claimOf("residual-ties")).toMatchObject({ origin: "formula" });
    expect(claimOf("flatten-couples")).toMatchObject({ measured: 2, status: "pass" });
  });

  it("writes one page that loads nothing, the claims, and every figure with its numbers", () => {
    const files = contentsOf(join(folder.path, "michelucci")).filter((file) => !file.startsWith("tasks"));
    expect(files).toEqual([
      "claims.json",
      "figures",
      join("figures", "equivalent-minima.csv"),
      join("figures", "equivalent-minima.svg"),
      "report.html",
    ]);
    const html = readFileSync(join(folder.path, "michelucci", "report.html"), "utf8");
    expect(references(html)).toEqual([]);
    expect(html).toContain("<svg");
    expect(html).toContain("35168.54964");
    const csv = readFileSync(join(folder.path, "michelucci", "figures", "equivalent-minima.csv"), "utf8");
    expect(csv.split("\r\n")[1]).toMatch(/^16,13\.3206/);
  });

  it("does nothing again that is done, and again what is lost or damaged", async () => {
    const [lost, damaged] = tasksIn("michelucci") as [string, string];
    expect((await reproduce("michelucci2022", "--quick", "-o", "michelucci")).tasks).toEqual({
      computed: 0,
      reused: 10,
    });
    rmSync(join(folder.path, "michelucci", "tasks", lost));
    writeFileSync(join(folder.path, "michelucci", "tasks", damaged), '{"task":');
    const again = await reproduce("michelucci2022", "--quick", "-o", "michelucci");
    expect(again.tasks).toEqual({ computed: 2, reused: 8 });
    expect(again.claims.some(({ status }: Claim) => status === "fail")).toBe(false);
  });

  it("ends with status 1 where a claim fails", async () => {
    const tasks = join(folder.path, "michelucci", "tasks");
    const name = tasksIn("michelucci").find((file) =>
      readFileSync(join(tasks, file), "utf8").includes("resnet18"),
    ) as string;
    const text = readFileSync(join(tasks, name), "utf8");
    writeFileSync(join(tasks, name), text.replace("5934.49", "5934.50"));
    const { status, stdout } = await orbifold(folder.path, "reproduce", "michelucci2022", "-o", "michelucci");
    expect(status).toBe(1);
    expect(stdout).toMatch(/^fail +residual-ties/m);
    expect(readFileSync(join(folder.path, "michelucci", "report.html"), "utf8")).toContain('class="fail">1 fails');
  });
});

describe("reproduce simsek2021", () => {
  it("goes on where it was killed", async () => {
    const words = ["reproduce", "simsek2021", "--quick", "-o", "simsek"];
    const killed = start(folder.path, ...words);
    await untilTasks("simsek", 20);
    killed.kill("SIGKILL");
    expect((await killed.ended).status).toBe("SIGKILL");
    const done = tasksIn("simsek");
    const times = done.map((file) => statSync(join(folder.path, "simsek", "tasks", file)).mtimeMs);
    const stopped = start(folder.path, ...words);
    await untilTasks("simsek", done.length + 20);
    stopped.kill("SIGTERM");
    const { status, stderr } = await stopped.ended;
    expect(status).toBe(130);
    expect(stderr).toMatch(
      /^orbifold: reproduce: stopped after \d+ of \d+ tasks; the same command goes on from there\n$/,
    );
    const before = tasksIn("simsek").length;
    const { claims, claimOf, tasks } = await reproduce("simsek2021", "--quick", "-o", "simsek");
    expect(tasks).toEqual({ computed: tasksIn("simsek").length - before, reused: before });
    expect(done.map((file) => statSync(join(folder.path, "simsek", "tasks", file)).mtimeMs)).toEqual(times);
    expect(claims.filter(({ status }: Claim) => status === "fail")).toEqual([]);
    const notRun = claims.filter(({ status }: Claim) => status === "not-run").map(({ id }: Claim) => id);
    expect(notRun).toEqual(["adam", "three-hidden-layers", "mnist-width"]);
    expect(claimOf("graph-3").measured).toBe("60 vertices, 72 edges, 1 component");
    expect(claimOf("neurons-of-zero-loss").measured).toMatch(/ 0 others$/);
    expect(references(readFileSync(join(folder.path, "simsek", "report.html"), "utf8"))).toEqual([]);
  });
});

describe("reproduce brea2019", () => {
  it("confirms the paths, and says what is not as published", async () => {
    const { claims, claimOf } = await reproduce("brea2019", "--quick", "-o", "brea");
    const idsOf = (status: Claim["status"]) =>
      claims.filter((claim: Claim) => claim.status === status).map(({ id }: Claim) => id);
    expect(idsOf("fail")).toEqual([]);
    expect(idsOf("different")).toEqual(["last-permutation-point", "smooth", "vanishing-eigenvalues"]);
    expect(idsOf("not-run")).toEqual(["mnist-paths"]);
    expect(claimOf("vanishing-eigenvalues")).toMatchObject({ published: "1, 2, 3, 4, 6", measured: "1, 1, 1, 1, 3" });
    expect(claimOf("permutation-points").measured).toBe(new Array(5).fill("1.012946e-5").join(", "));
    expect(claimOf("numberings")).toMatchObject({ measured: 24 });
    expect(references(readFileSync(join(folder.path, "brea", "report.html"), "utf8"))).toEqual([]);
  });
});

describe("reproduce", () => {
  it("leaves no folder behind where it cannot begin", async () => {
    const { status } = await orbifold(folder.path, "reproduce", "brea2019", "--threads", "0", "-o", "none");
    expect(status).toBe(2);
    expect(contentsOf(folder.path)).not.toContain("none");
  });

  it.each([
    [
      ["simsek2012"],
      'orbifold: reproduce: expected one of brea2019, simsek2021, michelucci2022, got "simsek2012"; did you mean simsek2021?\n',
    ],
    [
      ["brea2019", "-o", "."],
      "orbifold: .: expected a new folder or one of an earlier run, got other files in it; choose another -o\n",
    ],
    [["brea2019", "-o", "file"], "orbifold: file: expected a folder, got a file; choose another -o\n"],
    [
      ["brea2019", "--quick", "-o", "michelucci"],
      "orbifold: michelucci: expected a new folder or one of brea2019, got one of michelucci2022; choose another -o\n",
    ],
    [[], "orbifold: reproduce: expected 1 argument, got none; usage: orbifold reproduce <paper> [options]\n"],
  ])("refuses %j in one line", async (words, stderr) => {
    writeFileSync(join(folder.path, "file"), "");
    expect(await orbifold(folder.path, "reproduce", ...words)).toEqual({ status: 2, stdout: "", stderr });
  });
});
