import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { StoredTensors } from "../nets/index.ts";
import { decodeModel, encodeModel } from "../onnx/index.ts";
import type { Shape } from "../tensor/index.ts";
import { type GraphFile, openGraph } from "./graph-file.ts";
import { pairWithGraph } from "./graph-pairing.ts";

function exported(name: string): Promise<GraphFile> {
  return openGraph(fileURLToPath(new URL(`../../test/golden/onnx/${name}.onnx`, import.meta.url)));
}

/** The graph without the names of its nodes, from which layers are told. */
function anonymous(graph: GraphFile): GraphFile {
  const model = decodeModel(graph.bytes);
  const node = model.graph?.node?.map(({ name: _, ...rest }) => rest) ?? [];
  return { ...graph, bytes: encodeModel({ ...model, graph: { ...model.graph, node } }) };
}

function stored(shapes: Readonly<Record<string, Shape>>): StoredTensors {
  return new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
}

/** What PyTorch's state_dict has of the mlp and the llama of the exports. */
const mlp = { "0.weight": [5, 6], "0.bias": [5], "3.weight": [4, 5], "5.weight": [3, 4], "5.bias": [3] };
const blocks = [0, 1].flatMap((i) => {
  const shapes = {
    "input_layernorm.weight": [8],
    "post_attention_layernorm.weight": [8],
    "self_attn.q_proj.weight": [8, 8],
    "self_attn.k_proj.weight": [4, 8],
    "self_attn.v_proj.weight": [4, 8],
    "self_attn.o_proj.weight": [8, 8],
    "mlp.gate_proj.weight": [12, 8],
    "mlp.up_proj.weight": [12, 8],
    "mlp.down_proj.weight": [8, 12],
  };
  return Object.entries(shapes).map(([name, shape]) => [`model.layers.${i}.${name}`, shape] as const);
});
const llama = {
  "model.embed_tokens.weight": [7, 8],
  ...Object.fromEntries(blocks),
  "model.norm.weight": [8],
  "lm_head.weight": [7, 8],
};

describe("pairing with a graph", () => {
  it("goes by name, and by the module where the exporter has renamed a weight", async () => {
    const { names, transposed, extra, assumptions } = pairWithGraph(
      await exported("torch/mlp-tracing-17"),
      stored({ ...mlp, step: [] }),
      "file",
    );
    expect(Object.fromEntries(names)).toEqual({
      "0.weight": "0.weight",
      "0.bias": "0.bias",
      "onnx::MatMul_19": "3.weight",
      "5.weight": "5.weight",
      "5.bias": "5.bias",
    });
    expect([...transposed]).toEqual(["onnx::MatMul_19"]);
    expect(extra).toEqual(["step"]);
    expect(assumptions).toEqual(["the graph's onnx::MatMul_19 is 3.weight transposed"]);
  });

  it("finds every layer of a large model, whose wrapper the checkpoint does not have", async () => {
    const graph = await exported("architectures/llama-tracing-20");
    const { names, transposed, extra } = pairWithGraph(graph, stored(llama), "file");
    expect([...names.values()].sort()).toEqual(Object.keys(llama).sort());
    expect(transposed.size).toBe(15);
    expect(extra).toEqual([]);
    const bySize = [...names].filter(([name]) => transposed.has(name)).map(([, name]) => name);
    expect(bySize.slice(0, 3)).toEqual(["q", "k", "v"].map((name) => `model.layers.0.self_attn.${name}_proj.weight`));
  });

  it("takes the only tensor of a shape where no name tells", async () => {
    const graph = anonymous(await exported("torch/mlp-tracing-17"));
    const { names, transposed } = pairWithGraph(graph, stored({ ...mlp, square: [4, 4] }), "file");
    expect([names.get("onnx::MatMul_19"), [...transposed]]).toEqual(["3.weight", ["onnx::MatMul_19"]]);
  });

  it("does not choose between two of one shape", async () => {
    const graph = anonymous(await exported("torch/mlp-tracing-17"));
    const message =
      /expected the 5 tensors of .*missing "onnx::MatMul_19"; unknown "3.weight", "ema.3.weight"; export the graph/;
    expect(() => pairWithGraph(graph, stored({ ...mlp, "ema.3.weight": [4, 5] }), "file")).toThrow(message);
    const two = anonymous(await exported("architectures/llama-tracing-20"));
    expect(() => pairWithGraph(two, stored(llama), "file")).toThrow(/missing "onnx::MatMul_708"/);
  });

  it("gives no tensor to two weights: a tied one that the exporter has copied", async () => {
    const graph = await exported("torch/language-tracing-17");
    const entries = stored({ "tokens.weight": [7, 8], "places.weight": [5, 8], mask: [5, 5] });
    expect(() => pairWithGraph(graph, entries, "file")).toThrow(/got 2 of them; missing "onnx::MatMul_61"/);
  });

  it("refuses a graph with batch norm folded into weights that keep their names", async () => {
    const graph = await exported("architectures/vgg-dynamo-18");
    const weights = Object.entries(graph.discovery.group.layouts).map(([name, { shape }]) => [name, shape] as const);
    const norm = { "0.1.weight": [3], "0.1.bias": [3], "0.1.running_mean": [3], "0.1.running_var": [3] };
    const entries = stored({ ...Object.fromEntries(weights), ...norm });
    expect(() => pairWithGraph(graph, entries, "file")).toThrow(
      /file, tensor "0.1.running_mean": expected a graph that uses it, got one with batch norm folded .*optimize=False/,
    );
  });

  it("does not mind the statistics of a copy", async () => {
    const graph = await exported("torch/residual-tracing-17");
    const weights = Object.entries(graph.discovery.group.layouts).map(([name, { shape }]) => [name, shape] as const);
    const entries = stored({ ...Object.fromEntries(weights), "ema.norm1.running_mean": [4] });
    expect(pairWithGraph(graph, entries, "file").extra).toEqual(["ema.norm1.running_mean"]);
  });

  it("says what is not transposed though the graph has it so", async () => {
    const graph = await exported("torch/mlp-tracing-17");
    expect(() => pairWithGraph(graph, stored({ ...mlp, "3.weight": [5, 4] }), "file")).toThrow(
      '"3.weight" is stored [5, 4], the graph wants [4, 5]: transposed',
    );
  });
});
