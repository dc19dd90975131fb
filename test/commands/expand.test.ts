import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  encodeModelFile,
  initializeParameters,
  lenet,
  mlp,
  type Network,
  resnet18,
  vit,
} from "../../src/nets/index.ts";
import { fromNumbers, rngKey, type Tensor, toNumbers } from "../../src/tensor/index.ts";
import { contentsOf, orbifold, temporaryFolder } from "./orbifold.ts";
import { readSafetensors, torchFile } from "./symmetry-models.ts";

const folder = temporaryFolder();
afterAll(() => folder[Symbol.dispose]());

const nets: Readonly<Record<string, Network>> = {
  mlp: mlp({ input: [1, 8, 8], widths: [6, 5], outputs: 10, activation: "tanh" }),
  lenet: lenet({ input: [1, 16, 16] }),
  resnet: resnet18({ input: [3, 16, 16], width: 2, outputs: 3 }),
  vit: vit({ input: [3, 16, 16], patch: 8, width: 16, depth: 1, heads: 2, outputs: 3 }),
};

function write(name: string, network: Network, parameters: Readonly<Record<string, Tensor>>): void {
  writeFileSync(join(folder.path, name), Buffer.concat(encodeModelFile(network, Object.entries(parameters))));
}

beforeAll(() => {
  for (const [name, network] of Object.entries(nets)) {
    const dtype = name === "mlp" ? "float64" : "float32";
    write(`${name}.safetensors`, network, initializeParameters(network, rngKey(2), dtype));
  }
  // Units 2 and 3 have the same incoming weights.
  const narrow = mlp({ input: 2, widths: [4], outputs: 1, activation: "sigmoid", bias: false });
  write("point.safetensors", narrow, {
    "layers.0.weight": fromNumbers("float64", [0.6, 0.4, -0.5, 0.4, -0.1, -0.6, -0.1, -0.6], [4, 2]),
    "layers.1.weight": fromNumbers("float64", [1, 1, 0.5, 1.5], [1, 4]),
  });
});

async function json(...words: readonly string[]) {
  const { status, stdout, stderr } = await orbifold(folder.path, ...words, "--json");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return JSON.parse(stdout);
}

describe("expand and reduce", () => {
  it("widen two layers, and find the way back to the same orbit", async () => {
    const layers = ["--layer", "layers.0,1", "--composition", "1,3,1,1,1,1+2;2,1,1,1,1+1", "--outgoing", "random"];
    const wide = await json("expand", "mlp.safetensors", ...layers, "-o", "wide.safetensors", "--data", "digits");
    expect(wide).toMatchObject({
      output: "wide.safetensors",
      layers: [
        { name: "layers.0", from: 6, to: 10, composition: "1,3,1,1,1,1+2", dimension: 3 * 7 + 65 },
        { name: "layers.1", from: 5, to: 7, composition: "2,1,1,1,1+1", dimension: 10 + 11, subspaces: "34440" },
      ],
      certificate: { ok: true, probes: 24 },
    });
    expect(wide.loss.after).toBeCloseTo(wide.loss.before, 5);
    const core = await json("reduce", "wide.safetensors", "-o", "core.safetensors", "--angle", "0.01");
    expect(core).toMatchObject({
      output: "core.safetensors",
      thresholds: { angle: 0.01, size: 0.01, zero: 1e-6 },
      layers: [
        { name: "layers.0", before: 10, after: 6, zeroGroups: [expect.any(Array)] },
        { name: "layers.1", before: 7, after: 5, zeroGroups: [[6]] },
      ],
      others: [],
      certificate: { ok: true },
    });
    expect(await json("certify", "mlp.safetensors", "core.safetensors")).toMatchObject({
      sameFunction: true,
      sameOrbit: true,
    });
    const { tensors } = await readSafetensors(join(folder.path, "wide.safetensors"));
    expect(tensors["layers.1.weight"]).toMatchObject({ dtype: "float64", shape: [7, 10] });
  });

  it("writes channels that no built-in network has as an ONNX file, for any batch", async () => {
    const words = ["expand", "lenet.safetensors", "--layer", "conv2", "--to", "53", "-o"];
    expect(await json(...words, "lenet.onnx")).toMatchObject({ certificate: { ok: true } });
    const core = await json("reduce", "lenet.onnx", "-o", "small.onnx", "--probes", "19");
    expect(core).toMatchObject({ certificate: { ok: true, probes: 19 } });
    expect(core.layers.map(({ name, before, after }: Record<string, unknown>) => [name, before, after])).toEqual([
      ["conv1", 20, 20],
      ["conv2", 53, 50],
      ["fc1", 500, 500],
    ]);
    expect(await json("certify", "lenet.onnx", "lenet.onnx")).toMatchObject({ sameFunction: true });
    const { status, stderr } = await orbifold(folder.path, ...words, "lenet-wide.safetensors");
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr:
        "orbifold: lenet-wide.safetensors: expected a name that ends in .onnx for a network whose widths no built-in network has; choose another -o\n",
    });
  });

  it("widens what PyTorch exported", async () => {
    const words = ["expand", torchFile("lenet-tracing-17"), "--layer", "0", "--to", "5", "-o", "torch.onnx"];
    expect(await json(...words)).toMatchObject({ layers: [{ from: 3, to: 5 }], certificate: { ok: true } });
  });

  it("draws which subspaces meet", async () => {
    const words = ["expand", "point.safetensors", "--layer", "0", "--to", "5"];
    const { figure } = await json(...words, "-o", "five.safetensors", "--figure", "five.svg");
    expect(figure).toBe("five.svg");
    const svg = readFileSync(join(folder.path, "five.svg"), "utf8");
    expect(svg.match(/<circle cx/g)?.length).toBe(360 + 2);
    expect(svg).toContain("360 subspaces of 4 neurons in 5 units");
  });

  it("prints a long composition without its middle, and all of it as JSON", async () => {
    const words = ["expand", "point.safetensors", "--layer", "0", "--composition"];
    const composition = `1,1,1,1+${new Array(40).fill(10).join(",")}`;
    const { stdout, status } = await orbifold(folder.path, ...words, composition, "-o", "long.safetensors");
    expect(status).toBe(0);
    expect(stdout).toMatch(/^layers\.0: 4 units to 404 as 1,1,1,1\+10,(10,)*\.\.(,10)+, in a subspace/);
    expect((await json(...words, composition, "-o", "long2.safetensors")).layers[0].composition).toBe(composition);
  });

  it("never takes a large difference for rounding of merged units", async () => {
    const words = ["reduce", "mlp.safetensors", "-o", "never.safetensors", "--angle", "89.9", "--size", "0.999"];
    const { stdout, status } = await orbifold(folder.path, ...words);
    expect(status).toBe(1);
    expect(stdout).toMatch(/NOT the same function: .* more than 1\.0e-1\nnothing written/);
  });

  it("says that a core is no core where thresholds were too wide", async () => {
    const words = [
      "reduce",
      "mlp.safetensors",
      "-o",
      "wrong.safetensors",
      "--angle",
      "89",
      "--size",
      "0.9",
      "--tolerance",
      "1e-6",
    ];
    const { status, stdout } = await orbifold(folder.path, ...words);
    expect(status).toBe(1);
    expect(stdout).toContain("equal: within 89 degrees and 0.9 of the length; zero: up to 0.000001");
    expect(stdout).toMatch(/NOT the same function[\s\S]*nothing written/);
    expect(contentsOf(folder.path)).not.toContain("wrong.safetensors");
  });
});

describe("plateau", () => {
  it("walks to another numbering, and writes every corner", async () => {
    const words = ["plateau", "point.safetensors", "--layer", "layers.0", "--units", "2,3", "--to", "3,1,0,2"];
    const walk = await json(...words, "-o", "walk");
    expect(walk).toMatchObject({ output: "walk", corners: 7, segments: { length: 6 }, files: { length: 7 } });
    expect(walk.maxDeviation).toBeLessThan(1e-14);
    expect(await json("certify", "point.safetensors", "walk/corner-003.safetensors")).toMatchObject({
      sameFunction: true,
    });
    const { tensors } = await readSafetensors(join(folder.path, "walk/corner-006.safetensors"));
    expect([...toNumbers(tensors["layers.0.weight"] as Tensor)]).toEqual([-0.1, -0.6, -0.5, 0.4, 0.6, 0.4, -0.1, -0.6]);
    expect([...toNumbers(tensors["layers.1.weight"] as Tensor)]).toEqual([1.5, 1, 1, 0.5]);
  });

  it("writes no corner where one of the files is there", async () => {
    const words = ["plateau", "point.safetensors", "--layer", "0", "--units", "2,3", "--to", "3,1,0,2", "-o", "some"];
    mkdirSync(join(folder.path, "some"));
    writeFileSync(join(folder.path, "some", "corner-004.safetensors"), "");
    const { status, stderr } = await orbifold(folder.path, ...words);
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: "orbifold: some/corner-004.safetensors: already exists; pass --force or another -o\n",
    });
    expect(contentsOf(join(folder.path, "some"))).toEqual(["corner-004.safetensors"]);
  });

  it("refuses a walk that does not fit into memory", async () => {
    const words = ["expand", "mlp.safetensors", "--layer", "0", "--to", "4000", "-o", "4000.safetensors"];
    expect((await orbifold(folder.path, ...words)).status).toBe(0);
    const to = Array.from({ length: 4000 }, (_, i) => 3999 - i).join(",");
    const walk = ["plateau", "4000.safetensors", "--layer", "0", "--units", "0,1", "--to", to];
    const { status, stderr } = await orbifold(folder.path, ...walk);
    expect(status).toBe(2);
    expect(stderr).toMatch(
      /^orbifold: layer "layers\.0": expected a walk of at most 11180 steps, which fill the memory, got a longer one; move/,
    );
  });

  it("visits all numberings", async () => {
    const walk = await json("plateau", "point.safetensors", "--layer", "0", "--units", "3,2", "--to", "all");
    expect(walk).toMatchObject({ output: null, segments: { length: 73 } });
    expect(walk.maxDeviation).toBeLessThan(1e-14);
  });
});

describe("wrong input", () => {
  const expand = (...words: readonly string[]) => ["expand", "mlp.safetensors", "-o", "x.safetensors", ...words];
  const plateau = (...words: readonly string[]) => ["plateau", "point.safetensors", "--layer", "0", ...words];
  it.concurrent.each([
    [expand("--layer", "fc9", "--to", "9"), 'layer "fc9": expected one of 0 (layers.0), 1 (layers.1)'],
    [expand("--layer", "2", "--to", "9"), 'layer "2": expected one of 0 (layers.0), 1 (layers.1)'],
    [expand("--layer", "0"), "--to: is needed; say how many units the layer shall have, or give a --composition"],
    [expand("--layer", "0", "--to", "5"), "--to: expected at least the 6 units that layers.0 has, got 5"],
    [expand("--layer", "0,1", "--to", "9"), "--to: expected one for each layer, 2, got 1"],
    [
      expand("--layer", "1", "--to", "9", "--composition", "2,1,1,1,1"),
      "--composition: expected 9 units, as many as --to says, got 6",
    ],
    [
      expand("--layer", "1", "--composition", "2,1"),
      "--composition: expected copies of the 5 units of layers.1, up to 1,000,000 in all, got copies of 2, 3 in all",
    ],
    [expand("--layer", "1", "--composition", "1,1,1,1,999999999999"), "got copies of 5, 1,000,000,000,003 in all"],
    [expand("--layer", "0,layers.0", "--to", "9,9"), "--layer: expected different layers, got layers.0 twice"],
    [
      expand("--layer", "0", "--to", "9", "--figure", "x.png"),
      '--figure: expected a name that ends in .svg, got "x.png"',
    ],
    [expand("--layer", "0", "--composition", "2;"), "write it like 2,1,1+2"],
    [
      expand("--layer", "0", "--to", "20", "--figure", "x.svg"),
      "--figure: expected one layer with at most 400 subspaces, got 6 units to 20",
    ],
    [
      ["expand", "resnet.safetensors", "-o", "x.onnx", "--layer", "0", "--to", "9"],
      'layer "conv1": expected units of one layer, got a residual stream',
    ],
    [
      ["expand", torchFile("block-tracing-17"), "-o", "x.onnx", "--layer", "1", "--to", "9"],
      "expected single units, got blocks of 2 copies",
    ],
    [["reduce", "mlp.safetensors"], "--out: is needed"],
    [["reduce", "mlp.safetensors", "-o", "x.onnx", "--angle", "91"], "--angle: expected a number from 0 to below 90"],
    [
      plateau("--units", "0,1", "--to", "3,1,0,2"),
      "units 0 and 1: expected equal incoming weights, got ones at a distance of 1.100; go to a permutation point first with orbifold path swap",
    ],
    [plateau("--units", "2,7", "--to", "3,1,0,2"), "expected two units from 0 to 3, got 2 and 7"],
    [plateau("--units", "2,2", "--to", "3,1,0,2"), "expected two different units, got 2 twice"],
    [
      plateau("--units", "2,3", "--to", "3,1,0,2", "--data", "digits"),
      "mlp: expected samples of 2, got digits with 1 x 8 x 8; name the data set that the network is for",
    ],
    [
      ["expand", "point.safetensors", "--layer", "0", "--to", "5", "-o", "y.svg", "--figure", "y.svg"],
      "--figure: expected another file than that of -o, got y.svg for both",
    ],
    [
      ["expand", "vit.safetensors", "-o", "x.onnx", "--layer", "1", "--to", "4"],
      "expected a graph for layers of any width, got one that reshapes [2, 5, 16] to [2, 5, 2, 8]; choose another layer",
    ],
    [plateau("--units", "2", "--to", "3,1,0,2"), "--units: expected two units of the layer, such as 0,1, got 2"],
    [
      plateau("--units", "2,layers.1:0", "--to", "3,1,0,2"),
      '--units: expected a whole number from 0, got "layers.1:0"',
    ],
    [plateau("--units", "2,3", "--to", "3,1,0"), "expected each unit from 0 to 3 once, got 3,1,0"],
  ])("%j", async (words, message) => {
    const { status, stdout, stderr } = await orbifold(folder.path, ...words);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain(message);
    expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  });
});

it("helps in 80 columns", async () => {
  for (const name of ["expand", "reduce", "plateau"]) {
    const { stdout } = await orbifold(folder.path, name, "--help");
    expect(stdout).toContain(`usage: orbifold ${name} `);
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  }
});
