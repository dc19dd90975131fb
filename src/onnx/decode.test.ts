import { describe, expect, test } from "vitest";
import { type Attributes, info, ints, model, node } from "../../test/onnx-graphs.ts";
import { referenceEngine } from "../engine/index.ts";
import { InputError } from "../errors.ts";
import { input, type Value } from "../graph/index.ts";
import { fromNumbers, type Shape, type Tensor, toNumbers } from "../tensor/index.ts";
import {
  type DecodeOptions,
  type GraphProto,
  graphToModel,
  modelToGraph,
  type NodeProto,
  tensorToProto,
} from "./index.ts";

const counting = (shape: Shape): Tensor => {
  const count = shape.reduce((product, size) => product * size, 1);
  return fromNumbers(
    "float32",
    Array.from({ length: count }, (_, i) => i),
    shape,
  );
};

/** The output `y` of a graph on an input `x` that counts from zero. */
async function outputOf(nodes: readonly NodeProto[], shape: Shape, rest: Omit<GraphProto, "node"> = {}, version = 21) {
  const { outputs, initializers } = modelToGraph(model({ node: nodes, input: [info("x", shape)], ...rest }, version));
  const program = await referenceEngine().compile(outputs);
  const { y } = await program.run({ ...initializers, x: counting(shape) });
  return { shape: y!.shape, numbers: [...toNumbers(y!)] };
}

function refusal(graph: GraphProto, options: DecodeOptions & { version?: number } = {}): InputError {
  try {
    modelToGraph(model(graph, options.version), { where: "m.onnx", ...options });
  } catch (error) {
    if (error instanceof InputError) return error;
    throw error;
  }
  throw new Error("expected a refusal");
}

describe("modelToGraph", () => {
  test("turns stored weights into inputs, and scalars and whole numbers into constants", () => {
    const graph = modelToGraph(
      model({
        input: [info("x", [2, 3])],
        initializer: [
          tensorToProto("w", counting([3])),
          tensorToProto("half", fromNumbers("float32", [0.5], [])),
          ints("shape", 3, -1),
          tensorToProto("unused", counting([4])),
        ],
        node: [node("Mul x w -> a"), node("Mul a half -> b"), node("Reshape b shape -> y")],
      }),
    );
    expect(graph.inputs.map(({ attributes }) => attributes.name)).toEqual(["x"]);
    expect(graph.initializers).toEqual({ w: counting([3]) });
    expect(graph.outputs.y!.shape).toEqual([3, 2]);
  });

  test("puts nodes in order", async () => {
    const nodes = [node("Add b b -> y"), node("Add a x -> b"), node("Abs x -> a")];
    expect(await outputOf(nodes, [3])).toEqual({ shape: [3], numbers: [0, 4, 8] });
  });

  test("gives dynamic dimensions the sizes asked for, by name or by place", () => {
    const graph = { input: [info("x", ["batch", null, 2])], node: [node("Relu x -> y")] };
    const { outputs } = modelToGraph(model(graph), { dimensions: { batch: 4, "x[1]": 3 } });
    expect(outputs.y!.shape).toEqual([4, 3, 2]);
    expect(refusal(graph, { dimensions: { batch: 4 } }).message).toMatchInlineSnapshot(
      `"m.onnx: expected a size for each dynamic dimension, got none for "x[1]"; pass dimensions such as { "x[1]": 1 }"`,
    );
  });

  test("reads a float32 attribute as the decimal number that was meant", () => {
    const graph = { input: [info("x", [2])], node: [node("LeakyRelu x -> y", { alpha: { f: Math.fround(0.1) } })] };
    expect(modelToGraph(model(graph)).outputs.y!.attributes).toEqual({ alpha: 0.1 });
  });

  test("folds the sizes that exporters compute in the graph", () => {
    const { outputs } = modelToGraph(
      model({
        input: [info("x", [2, 3, 4])],
        initializer: [ints("zero", 0), ints("rest", -1), tensorToProto("two", fromNumbers("int64", [2], []))],
        node: [
          node("Shape x -> s"),
          node("Gather s zero -> batch", { axis: 0 }),
          node("Div batch two -> half"),
          node("Concat half rest -> target", { axis: 0 }),
          node("Reshape x target -> y"),
        ],
      }),
    );
    expect(outputs.y!.shape).toEqual([1, 24]);
    expect(outputs.y!.op).toBe("Reshape");
  });

  test("makes a constant of few bytes into a tensor of any size without taking its memory", () => {
    const initializer = [ints("huge", 2 ** 20, 2 ** 20), tensorToProto("one", fromNumbers("float32", [1], []))];
    const nodes = [node("Expand one huge -> a"), node("ConstantOfShape huge -> b"), node("Add a b -> y")];
    expect(modelToGraph(model({ initializer, node: nodes })).outputs.y!.shape).toEqual([2 ** 20, 2 ** 20]);
  });
});

describe("an imported operator", () => {
  const axis1 = { initializer: [ints("axes", 1), ints("starts", -1), ints("ends", -99), ints("steps", -2)] };
  test.each([
    ["Slice backwards", "Slice x starts ends axes steps -> y", {}, [1, 4], [1, 2], [3, 1]],
    ["MatMul of vectors", "MatMul x x -> y", {}, [3], [], [5]],
    ["MatMul of matrix and vector", "MatMul m x -> y", {}, [2], [2], [1, 3]],
    ["Gather from the end", "Gather x starts -> y", { axis: 0 }, [3], [1], [2]],
    ["ReduceSum of all", "ReduceSum x -> y", { keepdims: 0 }, [2, 2], [], [6]],
    ["ReduceSum of none", "ReduceSum x -> y", { noop_with_empty_axes: 1 }, [2], [2], [0, 1]],
    ["Flatten before all", "Flatten x -> y", { axis: 0 }, [2, 1], [1, 2], [0, 1]],
    ["Split with a rest", "Split x -> y z", { axis: 0, num_outputs: 2 }, [3], [2], [0, 1]],
    ["ArgMax", "ArgMax x -> y", { axis: 1 }, [1, 3], [1, 1], [2]],
    ["Unsqueeze", "Unsqueeze x axes -> y", {}, [2], [2, 1], [0, 1]],
    ["Trilu", "Trilu x -> y", { upper: 0 }, [2, 2], [2, 2], [0, 0, 2, 3]],
    ["Tile", "Tile x two -> y", {}, [2], [4], [0, 1, 0, 1]],
    ["Clip", "Clip x - one -> y", {}, [3], [3], [0, 1, 1]],
    ["Mean", "Mean x x x -> y", {}, [2], [2], [0, 1]],
    ["GlobalMaxPool", "GlobalMaxPool x -> y", {}, [1, 2, 3], [1, 2, 1], [2, 5]],
    [
      "MaxPool, same size",
      "MaxPool x -> y",
      { kernel_shape: [2], auto_pad: "SAME_UPPER" },
      [1, 1, 3],
      [1, 1, 3],
      [1, 2, 2],
    ],
    [
      "MaxPool, rounded up",
      "MaxPool x -> y",
      { kernel_shape: [2], strides: [2], ceil_mode: 1 },
      [1, 1, 3],
      [1, 1, 2],
      [1, 2],
    ],
    ["MaxPool without rounding", "MaxPool x -> y", { kernel_shape: [2], strides: [2] }, [1, 1, 3], [1, 1, 1], [1]],
    [
      "AveragePool, same size",
      "AveragePool x -> y",
      { kernel_shape: [3], auto_pad: "SAME_LOWER" },
      [1, 1, 2],
      [1, 1, 2],
      [0.5, 0.5],
    ],
  ] as [string, string, Attributes, number[], number[], number[]][])(
    "%s",
    async (_, text, attributes, shape, expectedShape, expected) => {
      const initializer = [
        ...axis1.initializer,
        ints("two", 2),
        tensorToProto("one", fromNumbers("float32", [1], [])),
        tensorToProto("m", counting([2, 2])),
      ];
      expect(await outputOf([node(text, attributes)], shape, { initializer })).toEqual({
        shape: expectedShape,
        numbers: expected,
      });
    },
  );

  test("Softmax runs over all later axes before operator set 13, over one axis since", async () => {
    const sums = [node("Softmax x -> p"), node("ReduceSum p -> y", { keepdims: 0, axes: [1, 2] })];
    expect((await outputOf(sums, [2, 2, 2], {}, 12)).numbers.map((sum) => Math.round(sum * 1e9) / 1e9)).toEqual([1, 1]);
    const since = [node("Softmax x -> p"), node("ReduceSum p axes -> y", { keepdims: 0 })];
    const { numbers } = await outputOf(since, [2, 2, 2], { initializer: [ints("axes", 1, 2)] });
    expect(numbers.map((sum) => Math.round(sum * 1e9) / 1e9)).toEqual([2, 2]);
  });

  test("Pad, Slice and Squeeze take attributes in their first versions", async () => {
    const nodes = [
      node("Pad x -> a", { pads: [0, 1, 0, 1] }),
      node("Slice a -> b", { starts: [0], ends: [2 ** 31 - 1], axes: [1] }),
      node("Squeeze b -> y", { axes: [0] }),
    ];
    expect(await outputOf(nodes, [1, 2], {}, 9)).toEqual({ shape: [4], numbers: [0, 0, 1, 0] });
  });
});

describe("a hostile graph is one line that names its node:", () => {
  const x = { input: [info("x", [2, 3])] };
  const big = 2 ** 40;
  test.each<[string, GraphProto]>([
    ["an undefined name", { ...x, node: [{ ...node("Relu nowhere -> y"), name: "act" }] }],
    ["a cycle", { ...x, node: [node("Add x b -> a"), node("Neg a -> b"), node("Neg b -> y")] }],
    ["a cycle of one", { node: [node("Neg y -> y")] }],
    ["an output made twice", { ...x, node: [node("Neg x -> y"), node("Abs x -> y")] }],
    ["an output that is an input", { ...x, node: [node("Neg x -> x"), node("Abs x -> y")] }],
    ["a custom operator", { ...x, node: [{ ...node("Magic x -> y"), domain: "org.magic" }] }],
    ["control flow", { ...x, node: [node("If x -> y")] }],
    ["an operator named like a property", { ...x, node: [node("constructor x -> y")] }],
    ["an operator name of many lines", { ...x, node: [{ ...node("Relu x -> y"), opType: "a\nb", name: "c\nd" }] }],
    ["too few inputs", { ...x, node: [node("Add x -> y")] }],
    ["too many inputs", { ...x, node: [node("Relu x x -> y")] }],
    ["an input left out", { ...x, node: [node("Add x - -> y")] }],
    ["an attribute of another type", { ...x, node: [node("Softmax x -> y", { axis: "1" })] }],
    ["a missing attribute", { ...x, node: [node("Concat x x -> y")] }],
    ["an axis out of range", { ...x, node: [node("Softmax x -> y", { axis: 7 })] }],
    ["shapes that do not fit", { ...x, node: [node("MatMul x x -> y")] }],
    ["a shape that is computed", { ...x, node: [node("Cast x -> s", { to: 7 }), node("Reshape x s -> y")] }],
    ["a shape beyond counting", { initializer: [ints("s", big, big)], node: [node("ConstantOfShape s -> y")] }],
    ["a negative size", { ...x, initializer: [ints("s", -2, -3)], node: [node("Reshape x s -> y")] }],
    [
      "thousands of axes",
      { ...x, initializer: [ints("s", 6, ...new Array(5000).fill(1))], node: [node("Reshape x s -> y")] },
    ],
    ["a permutation of nothing", { ...x, node: [node("Transpose x -> y", { perm: [0, 0] })] }],
    [
      "a stride of zero",
      { input: [info("x", [1, 1, 4])], node: [node("MaxPool x -> y", { kernel_shape: [2], strides: [0] })] },
    ],
    ["a negative kernel", { input: [info("x", [1, 1, 4])], node: [node("MaxPool x -> y", { kernel_shape: [-2] })] }],
    [
      "pads for other axes",
      { input: [info("x", [1, 1, 4])], node: [node("MaxPool x -> y", { kernel_shape: [2], pads: [1] })] },
    ],
    ["a step of zero", { ...x, initializer: [ints("n", 0)], node: [node("Slice x n n n n -> y")] }],
    [
      "an endless range",
      {
        initializer: [
          tensorToProto("n", fromNumbers("int64", [0], [])),
          tensorToProto("m", fromNumbers("int64", [9], [])),
        ],
        node: [node("Range n m n -> y")],
      },
    ],
    [
      "a huge range",
      {
        initializer: [
          tensorToProto("n", fromNumbers("int64", [0], [])),
          tensorToProto("m", fromNumbers("int64", [big], [])),
          tensorToProto("d", fromNumbers("int64", [1], [])),
        ],
        node: [node("Range n m d -> y")],
      },
    ],
    ["a huge triangle", { input: [info("x", [big / 2 ** 15, 2 ** 25])], node: [node("Trilu x -> y")] }],
    [
      "positions in a huge pool",
      { input: [info("x", [1, 1, 2 ** 25])], node: [node("MaxPool x -> p y", { kernel_shape: [2] })] },
    ],
    ["an index out of range", { ...x, initializer: [ints("i", 5)], node: [node("Gather x i -> y")] }],
    ["a division by zero", { initializer: [ints("a", 1), ints("b", 0)], node: [node("Div a b -> y")] }],
    [
      "padding of another kind",
      { ...x, initializer: [ints("p", 1, 1, 1, 1)], node: [node("Pad x p -> y", { mode: "mirror" })] },
    ],
    ["a mask at inference", { ...x, node: [node("Dropout x -> a m"), node("Not m -> y")] }],
    ["scattering without sum", { ...x, initializer: [ints("i", 0)], node: [node("ScatterND x i x -> y")] }],
    ["a constant of text", { node: [node("Constant -> y", { value_string: "a" })] }],
    [
      "a damaged constant",
      { node: [{ ...node("Constant -> y"), attribute: [{ name: "value", type: 4, t: { dims: [9], dataType: 1 } }] }] },
    ],
  ])("%s", (_, graph) => {
    const { message, where } = refusal(graph);
    expect(message.split("\n")).toHaveLength(1);
    expect(message.length).toBeLessThan(600);
    expect(where).toMatch(/^m\.onnx, node /);
    expect(message).not.toMatch(/undefined|NaN|internal/);
  });

  test.each<[string, GraphProto, string]>([
    [
      "an output of nothing",
      { node: [] },
      'm.onnx, graph output: expected the name of a tensor, got "y", which nothing makes',
    ],
    ["inputs of one name", { input: [info("x", [1]), info("x", [2])] }, "m.onnx: expected inputs"],
    ["outputs of one name", { output: [{ name: "y" }, { name: "y" }] }, "m.onnx: expected inputs"],
    ["an input of texts", { input: [info("x", [1], 8)] }, 'm.onnx, input "x": expected one of'],
    ["an input that is no tensor", { input: [{ name: "x", type: {} }] }, 'm.onnx, input "x": expected a tensor'],
    ["an input of too many elements", { input: [info("x", [big, big])] }, 'm.onnx, input "x": expected a shape'],
  ])("or its place: %s", (_, graph, start) => {
    expect(refusal(graph).message).toContain(start);
  });

  test("an operator set of another age", () => {
    const graph = { ...x, node: [node("Relu x -> y")] };
    expect(refusal(graph, { version: 6 }).message).toContain("expected operator set 7 or later, got 6");
  });

  test("however deep the graph is", () => {
    const deep = Array.from({ length: 50_000 }, (_, i) => node(`Neg v${i} -> v${i + 1}`));
    const { outputs } = modelToGraph(
      model({ input: [info("v0", [1])], node: deep.reverse(), output: [{ name: "v50000" }] }),
    );
    expect(outputs.v50000!.op).toBe("Neg");
  });
});

describe("graphToModel", () => {
  const x = input("x", "float32", [2]);
  test.each<[string, Record<string, Value>]>([
    ["inputs of one name and different types", { y: x.add(input("x", "float64", [2]).cast("float32")) }],
    ["inputs of one name and different shapes", { y: x.add(input("x", "float32", [1])) }],
    ["an output that has the name of an input", { x: x.neg() }],
  ])("refuses %s", (_, outputs) => {
    expect(() => graphToModel(outputs)).toThrow(
      'graphToModel: expected inputs and outputs with names of their own, got "x" twice; rename one of them',
    );
  });

  test("gives computed tensors names that inputs and outputs leave free", () => {
    const { graph } = graphToModel({ "%1": input("%0", "float32", [2]).exp().neg().add(1) });
    const names = graph!.node!.flatMap(({ output }) => output!);
    expect(new Set(["%0", ...names]).size).toBe(names.length + 1);
  });
});
