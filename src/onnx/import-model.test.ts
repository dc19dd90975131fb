import { describe, expect, test } from "vitest";
import { golden } from "../../test/golden/onnx/goldens.ts";
import { info, ints, model, node } from "../../test/onnx-graphs.ts";
import { referenceEngine } from "../engine/index.ts";
import { ensemble, grad, input, type Value } from "../graph/index.ts";
import { fold, fromNumbers, rngKey, toNumbers, uniform } from "../tensor/index.ts";
import {
  attributeTypes,
  encodeModel,
  type GraphProto,
  graphToModel,
  importModel,
  type NodeProto,
  tensorToProto,
} from "./index.ts";

function weight(name: string, ...shape: number[]) {
  return tensorToProto(name, uniform(rngKey(1), shape));
}

function imported(graph: GraphProto, options: Parameters<typeof importModel>[2] = { unknown: "opaque" }) {
  return importModel(encodeModel(model(graph)), "m.onnx", options);
}

/** An operator of another domain between two layers. */
const magic = imported({
  input: [info("x", ["batch", 3])],
  initializer: [weight("v", 3, 4), weight("spell", 7), weight("w", 4, 2)],
  node: [
    node("MatMul x v -> h"),
    { ...node("Magic h spell -> g aside"), domain: "org.magic", name: "wand" },
    node("MatMul g w -> y"),
  ],
  valueInfo: [info("g", ["batch", 4]), info("aside", ["other"])],
});

describe("an opaque operator", () => {
  const [wand] = magic.opaque as [Value<"Opaque">];

  test("is a value of the type that the file gives, over all that the node reads", () => {
    expect(magic.opaque).toHaveLength(1);
    expect(wand.attributes).toMatchObject({ name: "Magic", domain: "org.magic", node: "wand", output: "g" });
    expect(wand.shape).toEqual([2, 4]);
    expect(wand.operands.map(({ op }) => op)).toEqual(["MatMul", "Input"]);
    expect(magic.parameters).toEqual(["v", "spell", "w"]);
  });

  test.each<[string, () => unknown]>([
    [
      "evaluated",
      async () => (await referenceEngine().compile(magic.outputs)).run({ ...magic.initializers, x: zeros() }),
    ],
    ["differentiated", async () => grad(magic.outputs.y!.sum(), [wand.operands[1] as Value])],
    ["stacked", async () => ensemble([wand], new Map([[wand.operands[1] as Value, input("many", "float32", [2, 7])]]))],
    ["encoded", async () => graphToModel(magic.outputs)],
  ])("is named where it would have to be %s", async (_, attempt) => {
    await expect(attempt()).rejects.toThrow(
      'node "wand": expected an operator that can be computed, got "Magic" of domain "org.magic" (expected an operator that can be imported, got "Magic" of domain "org.magic"); export the model with standard operators',
    );
  });

  const zeros = () => fromNumbers("float32", new Float64Array(6), [2, 3]);

  test("makes everything opaque whose shape hangs on it", () => {
    const { opaque, outputs, parameters } = imported({
      input: [info("x", [2, 3])],
      initializer: [weight("w", 3)],
      node: [node("Magic x -> a b"), node("Mul a w -> c"), node("Add b c -> y")],
    });
    expect(opaque.map(({ attributes: { output, shape } }) => [output, shape])).toEqual([
      ["b", null],
      ["a", null],
      ["c", null],
      ["y", null],
    ]);
    expect(outputs.y).toMatchObject({ dtype: "float32", shape: [] });
    expect(parameters).toEqual(["w"]);
  });

  test("reads what its branches read", () => {
    const branch = (name: string, text: string) => ({
      name,
      type: attributeTypes.graph,
      g: { node: [node(text)], output: [{ name: "inner" }], initializer: [weight("own", 3)] },
    });
    const branches = [branch("then_branch", "Mul x w -> inner"), branch("else_branch", "Mul x own -> inner")];
    const { opaque, parameters } = imported({
      input: [info("x", [2, 3]), info("c", [], 9)],
      initializer: [weight("w", 3)],
      node: [{ ...node("If c -> y"), attribute: branches }],
    });
    expect(opaque).toHaveLength(1);
    expect(parameters).toEqual(["w"]);
  });

  test.each<[string, GraphProto]>([
    ["an operator with an attribute that is not understood", { node: [node("Relu x -> y", { slope: 1 })] }],
    ["a computed shape", { node: [node("Cast x -> s", { to: 7 }), node("Reshape x s -> y")] }],
    ["an output that is not computed", { node: [node("Dropout x -> a m"), node("Not m -> y")] }],
    ["shapes that do not fit", { node: [node("MatMul x x -> y")] }],
    [
      "weights of a type that is not supported",
      {
        node: [node("Mul x w -> y")],
        initializer: [{ name: "w", dims: [3], dataType: 17, rawData: Uint8Array.of(1, 2, 3) }],
      },
    ],
    [
      "sparse weights",
      {
        node: [node("Mul x w -> y")],
        sparseInitializer: [{ values: weight("w", 1), indices: ints("i", 0), dims: [3] }],
      },
    ],
  ])("stands for %s", (_, graph) => {
    const x = { input: [info("x", [2, 3])] };
    expect(imported({ ...x, ...graph }).opaque.length).toBeGreaterThan(0);
    expect(() => imported({ ...x, ...graph }, {})).toThrow(/^m\.onnx/);
  });

  test("does not stand for a stored tensor that is damaged", () => {
    const damaged = { name: "w", dims: [3], dataType: 1, rawData: new Uint8Array(3) };
    expect(() => imported({ initializer: [damaged], node: [node("Relu w -> y")] })).toThrow("expected 12 bytes");
    const attribute = [{ name: "value", type: attributeTypes.tensor, t: damaged }];
    expect(() => imported({ node: [{ ...node("Constant -> y"), attribute }] })).toThrow("expected 12 bytes");
  });
});

describe("dynamic dimensions", () => {
  const scene: GraphProto = {
    input: [info("x", ["n", 1, "h", null])],
    initializer: [weight("w", 1, 1, 20, 20)],
    node: [node("Conv x w -> y")],
  };

  test("get sizes with which the graph can be built", () => {
    const { dimensions, outputs } = imported(scene, {});
    expect(dimensions).toEqual({ n: 2, h: 32, "x[3]": 32 });
    expect(outputs.y!.shape).toEqual([2, 1, 13, 13]);
    expect(imported(scene).dimensions).toEqual(dimensions);
  });

  test("keep the sizes they are given", () => {
    expect(imported(scene, { dimensions: { h: 21 } }).dimensions).toEqual({ n: 2, h: 21, "x[3]": 32 });
  });

  test("are asked for where no size suits, unless something else is wrong", () => {
    const narrow = (size: number) => ({ ...scene, initializer: [weight("w", 1, 1, size, 1)] });
    expect(() => imported(narrow(500), {})).toThrow(
      /^m\.onnx: expected sizes that suit the network for "h", "x\[3\]", got none \(m\.onnx, node .*\); pass dimensions such as \{ "h": 256 \}$/,
    );
    expect(() => imported({ ...scene, node: [node("Magic x w -> y")] }, {})).toThrow('got "Magic" of domain "ai.onnx"');
  });
});

test("an If whose condition is known is the branch that it takes", () => {
  const branch = (name: string, text: string) => ({
    name,
    type: attributeTypes.graph,
    g: { node: [node(text)], output: [{ name: "inner" }] },
  });
  const attribute = [branch("then_branch", "Squeeze x axis -> inner"), branch("else_branch", "Neg x -> inner")];
  const { outputs } = imported({
    input: [info("x", [2, 1])],
    initializer: [ints("axis", 1), ints("one", 1)],
    node: [
      node("Shape x -> s"),
      node("Gather s axis -> last", { axis: 0 }),
      node("Equal last one -> c"),
      { ...node("If c -> y"), attribute },
    ],
  });
  expect(outputs.y).toMatchObject({ op: "Reshape", shape: [2] });
});

describe("a function that the model defines", () => {
  test("is what its nodes compute", async () => {
    const { outputs } = importModel(golden("functions").bytes, "functions.onnx");
    const program = await referenceEngine().compile(outputs);
    const { y } = await program.run({ x: fromNumbers("float32", [-2, 3]) });
    // Twice a leaky ReLU of slope 0.25.
    expect([...toNumbers(y!)]).toEqual([-1, 6]);
  });

  test("may leave inputs and attributes out", () => {
    const inner = { ...node("Softmax a -> b"), attribute: [{ name: "axis", refAttrName: "over" }] };
    const clipped = node("Clip b low -> c");
    const own = {
      name: "F",
      domain: "own",
      input: ["a", "low"],
      output: ["c"],
      attribute: ["over"],
      node: [inner, clipped],
    };
    const graph = { input: [info("x", [2, 3])], node: [{ ...node("F x -> y"), domain: "own" }] };
    const file = { ...model(graph), functions: [{ ...own, opsetImport: [{ domain: "", version: 21 }] }] };
    expect(importModel(encodeModel(file)).outputs.y).toMatchObject({ op: "Softmax", attributes: { axis: 1 } });
  });

  test.each<[string, (i: number) => string]>([
    ["itself", () => "F0"],
    ["another twice, many times over", (i) => (i < 29 ? `F${i + 1}` : "Neg")],
  ])("is refused where it calls %s", (_, next) => {
    const call = (opType: string, operands: string): NodeProto => ({
      ...node(`${opType} ${operands}`),
      domain: opType === "Neg" ? "" : "own",
    });
    const functions = Array.from({ length: 30 }, (_, i) => ({
      name: `F${i}`,
      domain: "own",
      input: ["a"],
      output: ["c"],
      opsetImport: [
        { domain: "", version: 21 },
        { domain: "own", version: 1 },
      ],
      node: [call(next(i), "a -> b"), call(next(i), "b -> c")],
    }));
    const bytes = encodeModel({ ...model({ input: [info("x", [2])], node: [call("F0", "x -> y")] }), functions });
    expect(() => importModel(bytes, "m.onnx")).toThrow(/^m\.onnx, node [^\n]*: expected (functions at most|at most)/);
    expect(importModel(bytes, "m.onnx", { unknown: "opaque" }).opaque.length).toBeGreaterThan(0);
  });
});

test("attention whose query heads share key heads is attention with these repeated", async () => {
  const operands = [info("q", [1, 4, 2, 3]), info("k", [1, 2, 5, 3]), info("v", [1, 2, 5, 3])];
  const repeat = (name: string) => [
    node(`Unsqueeze ${name} two -> ${name}1`),
    node(`Expand ${name}1 five -> ${name}2`),
    node(`Reshape ${name}2 four -> ${name}3`),
  ];
  const shapes = [ints("two", 2), ints("five", 1, 2, 2, 5, 3), ints("four", 1, 4, 5, 3)];
  const nodes = [node("Attention q k v -> y"), ...repeat("k"), ...repeat("v"), node("Attention q k3 v3 -> z")];
  const output = [{ name: "y" }, { name: "z" }];
  const { outputs } = importModel(
    encodeModel(model({ input: operands, initializer: shapes, node: nodes, output }, 23)),
  );
  const program = await referenceEngine().compile(outputs);
  const draw = (name: string, shape: number[]) => uniform(fold(rngKey(5), name), shape);
  const { y, z } = await program.run({
    q: draw("q", [1, 4, 2, 3]),
    k: draw("k", [1, 2, 5, 3]),
    v: draw("v", [1, 2, 5, 3]),
  });
  expect(y).toEqual(z);
});
