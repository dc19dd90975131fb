import { check } from "../errors.ts";
import { concat, conv, type Value } from "../graph/index.ts";
import { attention, splitHeads } from "./attention.ts";
import { defineNetwork, type Scope } from "./define.ts";
import type { Initializer } from "./initializers.ts";
import { layerNorm } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkHeads, checkImage, type ImageOptions, mostLayers } from "./options.ts";

/** Options of `vit`; the defaults make a small network for small images. */
export interface VitOptions extends ImageOptions {
  /** Side of a patch in pixels; defaults to 4. */
  readonly patch?: number;
  /** Defaults to 64. */
  readonly width?: number;
  /** Defaults to 4. */
  readonly depth?: number;
  /** Defaults to 4. */
  readonly heads?: number;
  /** Hidden size of the feed-forward layers; defaults to four times the width. */
  readonly mlpWidth?: number;
}

type Sizes = Required<Omit<VitOptions, "input">>;

const drawn: Initializer = { kind: "normal", deviation: 0.02 };
const zero: Initializer = { kind: "constant", value: 0 };

/**
 * The Vision Transformer (Dosovitskiy et al. 2020, arXiv 2010.11929): pre-norm, a class token, learned positions, exact
 * GELU, no dropout. Parameters are named as those of Hugging Face's `ViTForImageClassification`.
 */
export function vit(options: VitOptions = {}): Network {
  const { input = [3, 32, 32], outputs = 10, patch = 4, width = 64, depth = 4, heads = 4 } = options;
  const { mlpWidth = 4 * width } = options;
  const sizes = { outputs, patch, width, depth, heads, mlpWidth };
  checkCounts("vit", sizes);
  checkCounts("vit", { depth }, mostLayers);
  checkHeads("vit", width, heads);
  checkPatches(input, patch);
  return defineNetwork({
    description: { net: "vit", input, ...sizes },
    inputShape: input,
    inputKind: "real",
    outputs,
    forward: (x, scope) => classify(scope, x, sizes),
  });
}

function checkPatches(input: unknown, patch: number): void {
  checkImage("vit", input);
  const [, height, width] = input;
  check(height % patch === 0 && width % patch === 0, () => ({
    code: "bad-option",
    where: "vit patch",
    message: `expected patches that tile ${height}x${width}, got ${patch}x${patch}`,
  }));
}

function classify(scope: Scope, image: Value, sizes: Sizes): Value {
  const body = scope.within("vit");
  let x = embed(body.within("embeddings"), image, sizes);
  for (let i = 0; i < sizes.depth; i++) x = layer(body.within(`encoder.layer.${i}`), x, sizes);
  const classToken = norm(body.within("layernorm"), x)
    .slice(1, 0, 1)
    .reshape([image.shape[0] as number, sizes.width]);
  return dense(scope.within("classifier"), classToken, sizes.outputs);
}

/** [batch, 1 + patches, width]: the class token and the projected patches, with their positions. */
function embed(scope: Scope, image: Value, { patch, width }: Sizes): Value {
  const [batch, channels] = image.shape as [number, number];
  const token = scope.weight("cls_token", [1, 1, width], drawn).expand([batch, 1, width]);
  const tokens = ((image.shape[2] as number) * (image.shape[3] as number)) / patch ** 2;
  const positions = scope.weight("position_embeddings", [1, tokens + 1, width], drawn);
  const projection = scope.within("patch_embeddings.projection");
  const weight = projection.weight("weight", [width, channels, patch, patch], drawn);
  const patches = conv(image, weight, { bias: projection.weight("bias", [width], zero), strides: patch });
  const sequence = patches.reshape([batch, width, tokens]).transpose([0, 2, 1]);
  return concat([token, sequence], 1).add(positions);
}

function layer(scope: Scope, x: Value, sizes: Sizes): Value {
  const attended = x.add(selfAttention(scope.within("attention"), norm(scope.within("layernorm_before"), x), sizes));
  const normal = norm(scope.within("layernorm_after"), attended);
  const hidden = dense(scope.within("intermediate.dense"), normal, sizes.mlpWidth).gelu();
  return attended.add(dense(scope.within("output.dense"), hidden, sizes.width));
}

function selfAttention(scope: Scope, x: Value, { width, heads }: Sizes): Value {
  const project = (name: string) => splitHeads(dense(scope.within(`attention.${name}`), x, width), heads);
  const mixed = attention([project("query"), project("key"), project("value")]);
  return dense(scope.within("output.dense"), mixed, width);
}

function norm(scope: Scope, x: Value): Value {
  return layerNorm(scope, x, 1e-12);
}

function dense(scope: Scope, x: Value, outputs: number): Value {
  const weight = scope.weight("weight", [outputs, x.shape.at(-1) as number], drawn);
  return x.matmul(weight.transpose()).add(scope.weight("bias", [outputs], zero));
}
