import { check } from "../errors.ts";
import { concat, constant, type Value } from "../graph/index.ts";
import { fromNumbers } from "../tensor/index.ts";
import { attention, causalMask, splitHeads } from "./attention.ts";
import { defineNetwork, type Scope } from "./define.ts";
import type { Initializer } from "./initializers.ts";
import { rmsNorm } from "./layers.ts";
import type { Network } from "./network.ts";
import { checkCounts, checkFlag, checkHeads, checkPositive, mostLayers } from "./options.ts";

/** Options of `llama`; the defaults are those of TinyLlama 1.1B (Zhang et al. 2024, arXiv 2401.02385). */
export interface LlamaOptions {
  /** Defaults to 32000. */
  readonly vocabulary?: number;
  /** The longest sequence; defaults to 2048. */
  readonly context?: number;
  /** Defaults to 2048. */
  readonly width?: number;
  /** Defaults to 22. */
  readonly depth?: number;
  /** Heads of queries; defaults to 32. */
  readonly heads?: number;
  /** Heads of keys and values, each shared by as many heads of queries; defaults to 4. */
  readonly kvHeads?: number;
  /** Defaults to the width over the heads. */
  readonly headSize?: number;
  /** Hidden size of the feed-forward layers; defaults to 5632. */
  readonly hidden?: number;
  /** The base of the rotary wavelengths; defaults to 10000. */
  readonly ropeTheta?: number;
  /** Added to the mean square in every norm; defaults to 1e-5. */
  readonly epsilon?: number;
  /** Whether the head is the embedding; defaults to false. */
  readonly tied?: boolean;
}

type Sizes = Required<LlamaOptions>;

/**
 * Llama (Touvron et al. 2023, arXiv 2302.13971): token ids [batch, tokens] to logits [batch, tokens, vocabulary] of each
 * next token; pre-norm with RMS norms, rotary positions, grouped queries, SwiGLU, no biases. Parameters are named as those
 * of Hugging Face's `LlamaForCausalLM`.
 */
export function llama(options: LlamaOptions = {}): Network {
  const sizes = complete(options);
  checkSizes(sizes);
  return defineNetwork({
    description: { net: "llama", ...sizes },
    inputShape: [sizes.context],
    inputKind: "tokens",
    outputs: sizes.vocabulary,
    forward: (tokens, scope) => logits(scope, tokens, sizes),
  });
}

function complete(options: LlamaOptions): Sizes {
  const { vocabulary = 32000, context = 2048, width = 2048, depth = 22, heads = 32, kvHeads = 4 } = options;
  const { headSize = width / heads, hidden = 5632, ropeTheta = 10000, epsilon = 1e-5, tied = false } = options;
  return { vocabulary, context, width, depth, heads, kvHeads, headSize, hidden, ropeTheta, epsilon, tied };
}

function checkSizes({ ropeTheta, epsilon, tied, headSize, ...counts }: Sizes): void {
  const { width, depth, heads, kvHeads } = counts;
  checkCounts("llama", counts);
  checkCounts("llama", { depth }, mostLayers);
  if (headSize === width / heads) checkHeads("llama", width, heads);
  checkCounts("llama", { headSize });
  checkPositive("llama", { ropeTheta, epsilon });
  checkFlag("llama", "tied", tied);
  check(heads % kvHeads === 0, () => ({
    code: "bad-option",
    where: "llama kvHeads",
    message: `expected a divisor of the ${heads} heads, got ${kvHeads}`,
  }));
  check(headSize % 2 === 0, () => ({
    code: "bad-option",
    where: "llama headSize",
    message: `expected an even number, whose halves rotate together, got ${headSize}`,
  }));
}

const drawn: Initializer = { kind: "normal", deviation: 0.02 };

function logits(scope: Scope, tokens: Value, sizes: Sizes): Value {
  const { vocabulary, width, depth, epsilon, tied } = sizes;
  const body = scope.within("model");
  const embedding = body.weight("embed_tokens.weight", [vocabulary, width], drawn);
  const length = tokens.shape[1] as number;
  const shared = { ...sizes, mask: causalMask(length, embedding), angles: rotaryAngles(length, embedding, sizes) };
  let x = embedding.gather(tokens);
  for (let i = 0; i < depth; i++) x = block(body.within(`layers.${i}`), x, shared);
  const normal = rmsNorm(body.within("norm"), x, epsilon);
  return tied ? normal.matmul(embedding.transpose()) : dense(scope.within("lm_head"), normal, vocabulary);
}

interface BlockOptions extends Sizes {
  readonly mask: Value;
  readonly angles: Angles;
}

function block(scope: Scope, x: Value, options: BlockOptions): Value {
  const { width, epsilon } = options;
  const attended = x.add(
    selfAttention(scope.within("self_attn"), rmsNorm(scope.within("input_layernorm"), x, epsilon), options),
  );
  const normal = rmsNorm(scope.within("post_attention_layernorm"), attended, epsilon);
  return attended.add(feedForward(scope.within("mlp"), normal, { width, hidden: options.hidden }));
}

function selfAttention(scope: Scope, x: Value, { width, heads, kvHeads, headSize, mask, angles }: BlockOptions): Value {
  const project = (name: string, count: number) => splitHeads(dense(scope.within(name), x, count * headSize), count);
  const query = rotated(project("q_proj", heads), angles);
  const key = rotated(project("k_proj", kvHeads), angles);
  const mixed = attention([query, key, project("v_proj", kvHeads)], mask);
  return dense(scope.within("o_proj"), mixed, width);
}

/** (silu(x G^T) * x U^T) D^T (Shazeer 2020, arXiv 2002.05202). */
function feedForward(scope: Scope, x: Value, { width, hidden }: Pick<Sizes, "width" | "hidden">): Value {
  const gate = dense(scope.within("gate_proj"), x, hidden).silu();
  return dense(scope.within("down_proj"), gate.mul(dense(scope.within("up_proj"), x, hidden)), width);
}

/** `x W^T` with weights [out, in]. */
function dense(scope: Scope, x: Value, outputs: number): Value {
  return x.matmul(scope.weight("weight", [outputs, x.shape.at(-1) as number], drawn).transpose());
}

/** Cosines and sines [tokens, 1, d / 2] by which each head is rotated. */
interface Angles {
  readonly cos: Value;
  readonly sin: Value;
}

/** Angle of pair i at position t: t theta^(-2i/d) (Su et al. 2021, arXiv 2104.09864). */
function rotaryAngles(length: number, { dtype }: Value, { headSize, ropeTheta }: Sizes): Angles {
  const pairs = headSize / 2;
  const angles = Array.from({ length: length * pairs }, (_, at) => {
    return Math.floor(at / pairs) * ropeTheta ** (-(at % pairs) / pairs);
  });
  const table = (f: (angle: number) => number) => constant(fromNumbers(dtype, angles.map(f), [length, 1, pairs]));
  return { cos: table(Math.cos), sin: table(Math.sin) };
}

/** Rotates element i of a head [batch, tokens, heads, d] together with element i + d / 2. */
function rotated(x: Value, { cos, sin }: Angles): Value {
  const half = (x.shape[3] as number) / 2;
  const [a, b] = [x.slice(3, 0, half), x.slice(3, half)];
  return concat([a.mul(cos).sub(b.mul(sin)), b.mul(cos).add(a.mul(sin))], 3);
}
