import { check } from "../../errors.ts";
import { bareName, type StoredTensors } from "../pairing.ts";
import { countAfter, imageOf, type Layout, type LayoutOptions, shapesOf } from "./layout.ts";

/** Hugging Face's GPT-2. */
export const gpt2Layout: Layout = {
  unused: /^lm_head\.weight$/,
  read(tensors, options, where) {
    const shapes = shapesOf(tensors, { "wte.weight": 2, "wpe.weight": 2, "h.0.attn.c_attn.weight": 2 });
    if (!shapes) return null;
    const [vocabulary, width] = shapes["wte.weight"] as [number, number];
    const context = shapes["wpe.weight"][0] as number;
    const { heads, assumptions } = headsOf(width, 64, options, where);
    const isOther = tensors.has("lm_head.weight") && !isShared(tensors, "lm_head.weight", "wte.weight");
    const tie = isOther ? ["lm_head.weight equals wte.weight, as GPT-2 ties them"] : [];
    return {
      description: { net: "gpt2", vocabulary, context, width, depth: countAfter(tensors, "h."), heads },
      assumptions: [...assumptions, ...tie],
    };
  },
};

/** Hugging Face's Vision Transformer. */
export const vitLayout: Layout = {
  unused: /^pooler\./,
  read(tensors, options, where) {
    const shapes = shapesOf(tensors, {
      "embeddings.cls_token": 3,
      "embeddings.position_embeddings": 3,
      "embeddings.patch_embeddings.projection.weight": 4,
      "encoder.layer.0.intermediate.dense.weight": 2,
    });
    if (!shapes) return null;
    const [width, channels, patch] = shapes["embeddings.patch_embeddings.projection.weight"] as [
      number,
      number,
      number,
    ];
    const side =
      patch * Math.max(1, Math.floor(Math.sqrt((shapes["embeddings.position_embeddings"][1] as number) - 1)));
    const image = imageOf([channels, side, side], options);
    const { heads, assumptions } = headsOf(width, 64, options, where);
    const mlpWidth = shapes["encoder.layer.0.intermediate.dense.weight"][0] as number;
    const outputs = tensors.get("classifier.weight")?.shape[0] ?? 1;
    const depth = countAfter(tensors, "encoder.layer.");
    return {
      description: { net: "vit", input: image.input, outputs, patch, width, depth, heads, mlpWidth },
      assumptions: [...image.assumptions, ...assumptions],
    };
  },
};

/** Hugging Face's Llama. */
export const llamaLayout: Layout = {
  unused: /^lm_head\.weight$/,
  read(tensors, options, where) {
    const shapes = shapesOf(tensors, {
      "embed_tokens.weight": 2,
      "layers.0.self_attn.q_proj.weight": 2,
      "layers.0.self_attn.k_proj.weight": 2,
      "layers.0.mlp.gate_proj.weight": 2,
    });
    if (!shapes) return null;
    const [vocabulary, width] = shapes["embed_tokens.weight"] as [number, number];
    const queries = shapes["layers.0.self_attn.q_proj.weight"][0] as number;
    const keys = shapes["layers.0.self_attn.k_proj.weight"][0] as number;
    const attention = groupedHeads([queries, keys], width, options, where);
    const numbers = unwritten(vocabulary, options);
    const description = {
      net: "llama",
      vocabulary,
      width,
      depth: countAfter(tensors, "layers."),
      ...attention.sizes,
      hidden: shapes["layers.0.mlp.gate_proj.weight"][0] as number,
      ...numbers.sizes,
      tied: !tensors.has("lm_head.weight") || isShared(tensors, "lm_head.weight", "embed_tokens.weight"),
    };
    return { description, assumptions: [...attention.assumptions, ...numbers.assumptions] };
  },
};

function groupedHeads(
  [queries, keys]: readonly [number, number],
  width: number,
  options: LayoutOptions,
  where: string,
) {
  // 128 from Llama 1 to 3, but 64 in the small ones: TinyLlama 1.1B, SmolLM and Llama 3.2 1B.
  const usual = width > 2048 ? 128 : 64;
  const isTold = options.heads === undefined && options.kvHeads !== undefined;
  const given = isTold ? { heads: (queries * (options.kvHeads as number)) / keys } : options;
  const { heads, assumptions } = headsOf(queries, usual, given, where);
  const headSize = queries / heads;
  const kvHeads = options.kvHeads ?? keys / headSize;
  check(Number.isInteger(kvHeads) && kvHeads >= 1, () => ({
    code: "bad-option",
    where,
    message: `expected keys of whole heads of ${headSize}, got ${keys} rows`,
    remedy: "say --heads",
  }));
  return { sizes: { heads, kvHeads, headSize }, assumptions };
}

/** The numbers of a Llama that are in no tensor. Llama 3 has another theta than its forebears, and another vocabulary. */
function unwritten(vocabulary: number, options: LayoutOptions) {
  const usual = { context: 2048, ropeTheta: vocabulary === 128256 ? 500000 : 10000, epsilon: 1e-5 };
  const { context = usual.context, ropeTheta = usual.ropeTheta, epsilon = usual.epsilon } = options;
  const assumptions = [
    ...(options.context === undefined ? [`sequences of up to ${context} tokens`] : []),
    ...(options.ropeTheta === undefined
      ? [`rope theta ${ropeTheta}, without scaling: it is not written in the weights`]
      : []),
    ...(options.epsilon === undefined ? [`norms with epsilon ${epsilon}: it is not written in the weights`] : []),
  ];
  return { sizes: { context, ropeTheta, epsilon }, assumptions };
}

/** The heads that share `rows`: as told, or of the usual size. */
function headsOf(rows: number, usual: number, { heads }: LayoutOptions, where: string) {
  const count = heads ?? rows / usual;
  check(Number.isInteger(count) && count >= 1 && rows % count === 0, () => ({
    code: "bad-option",
    where,
    message: `expected ${heads === undefined ? `heads of ${usual}` : "heads of one size"} in ${rows} rows of attention, got ${count}`,
    remedy: "say --heads: heads are not written in the weights",
  }));
  const assumption = `head size ${usual} (${count} heads): heads are not written in the weights; say --heads to change it`;
  return { heads: count, assumptions: heads === undefined ? [assumption] : [] };
}

/** Whether the file says that a tensor is another one. */
function isShared(tensors: StoredTensors, name: string, other: string): boolean {
  const original = tensors.get(name)?.sharedWith;
  return original !== undefined && bareName(original) === other;
}
