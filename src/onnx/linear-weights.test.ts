import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { linearWeights } from "./index.ts";

const folder = new URL("../../test/golden/onnx/", import.meta.url);

function weightsOf(file: string): Record<string, string | null> {
  return Object.fromEntries(linearWeights(new Uint8Array(readFileSync(new URL(file, folder))), file));
}

/** In the order of use, as the modules that were exported name them. */
const block = ["qkv.weight", "out.weight", "up.weight", "down.weight"];
const layer = (i: number) =>
  ["self_attn.q", "self_attn.k", "self_attn.v", "self_attn.o", "mlp.gate", "mlp.up", "mlp.down"].map(
    (name) => `model.model.layers.${i}.${name}_proj.weight`,
  );
const vit = (i: number) =>
  ["self_attention.in_proj_weight", "mlp.0.weight", "mlp.3.weight"].map(
    (name) => `encoder.layers.encoder_layer_${i}.${name}`,
  );

describe("the weights of linear layers that an exporter has renamed", () => {
  it.each(["block-tracing-11", "block-tracing-20", "block-fixed-17", "block-dynamo-18", "fused-block-dynamo-23"])(
    "have the name of the bias that is added: %s",
    (file) => {
      expect(Object.values(weightsOf(`torch/${file}.onnx`)).filter((name) => name !== null)).toEqual(block);
    },
  );

  it.each([
    ["torch/mlp-tracing-17.onnx", { "onnx::MatMul_19": "3.weight" }],
    ["torch/language-tracing-17.onnx", { "onnx::MatMul_61": null }],
    ["torch/language-dynamo-20.onnx", { permute: null }],
  ])("without a bias have the name of the module, where the nodes say it: %s", (file, expected) => {
    expect(weightsOf(file)).toEqual(expected);
  });

  it("are found in deeper modules", () => {
    const llama = Object.values(weightsOf("architectures/llama-tracing-20.onnx"));
    expect(llama).toEqual([...layer(0), ...layer(1), "model.lm_head.weight"]);
    expect(Object.values(weightsOf("architectures/vit-dynamo-23.onnx"))).toEqual([...vit(0), ...vit(1)]);
    expect(Object.values(weightsOf("architectures/convnext-tracing-17.onnx"))).toEqual(
      ["1.0.block.3", "1.0.block.5", "3.0.block.3", "3.0.block.5"].map((name) => `features.${name}.weight`),
    );
  });
});
