import type { Value } from "../graph/index.ts";
import { attention, causalMask, splitHeads } from "./attention.ts";
import { defineNetwork, type Scope } from "./define.ts";
import { layerNorm } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkHeads, mostLayers } from "./options.ts";

/** Options of `gpt2`; the defaults are those of the published 124M model. */
export interface Gpt2Options {
  /** Defaults to 50257. */
  readonly vocabulary?: number;
  /** The longest sequence; defaults to 1024. */
  readonly context?: number;
  /** Defaults to 768. */
  readonly width?: number;
  /** Defaults to 12. */
  readonly depth?: number;
  /** Defaults to 12. */
  readonly heads?: number;
}

type Sizes = Required<Gpt2Options>;

const deviation = 0.02;

/**
 * GPT-2 (Radford et al. 2019): token ids [batch, tokens] to logits [batch, tokens, vocabulary] of each next token, without
 * dropout. Parameters are named as in Hugging Face's `gpt2` checkpoint, dense weights are [in, out], and the head is
 * `wte.weight`.
 */
export function gpt2(options: Gpt2Options = {}): Network {
  const { vocabulary = 50257, context = 1024, width = 768, depth = 12, heads = 12 } = options;
  const sizes = { vocabulary, context, width, depth, heads };
  checkCounts("gpt2", sizes);
  checkCounts("gpt2", { depth }, mostLayers);
  checkHeads("gpt2", width, heads);
  return defineNetwork({
    description: { net: "gpt2", ...sizes },
    inputShape: [context],
    inputKind: "tokens",
    outputs: vocabulary,
    forward: (tokens, scope) => logits(scope, tokens, sizes),
  });
}

function logits(scope: Scope, tokens: Value, { vocabulary, context, width, depth, heads }: Sizes): Value {
  const embedding = scope.weight("wte.weight", [vocabulary, width], { kind: "normal", deviation });
  const positions = scope.weight("wpe.weight", [context, width], { kind: "normal", deviation });
  const length = tokens.shape[1] as number;
  const mask = causalMask(length, embedding);
  let x = embedding.gather(tokens).add(positions.slice(0, 0, length));
  for (let i = 0; i < depth; i++) x = block(scope.within(`h.${i}`), x, { depth, heads, mask });
  return layerNorm(scope.within("ln_f"), x).matmul(embedding.transpose());
}

interface BlockOptions {
  readonly depth: number;
  readonly heads: number;
  readonly mask: Value;
}

function block(scope: Scope, x: Value, { depth, heads, mask }: BlockOptions): Value {
  const width = x.shape[2] as number;
  // The residual stream sums 2 depth projections, so each starts smaller.
  const residual = deviation / Math.sqrt(2 * depth);
  const joint = dense(scope.within("attn.c_attn"), layerNorm(scope.within("ln_1"), x), 3 * width);
  const part = (i: number) => splitHeads(joint.slice(2, i * width, (i + 1) * width), heads);
  const mixed = attention([part(0), part(1), part(2)], mask);
  const attended = x.add(dense(scope.within("attn.c_proj"), mixed, width, residual));
  const hidden = dense(scope.within("mlp.c_fc"), layerNorm(scope.within("ln_2"), attended), 4 * width).gelu("tanh");
  return attended.add(dense(scope.within("mlp.c_proj"), hidden, width, residual));
}

/** `x W + b` with weights [in, out], as GPT-2 stores them. */
function dense(scope: Scope, x: Value, outputs: number, spread = deviation): Value {
  const weight = scope.weight("weight", [x.shape.at(-1) as number, outputs], { kind: "normal", deviation: spread });
  return x.matmul(weight).add(scope.weight("bias", [outputs], { kind: "constant", value: 0 }));
}
