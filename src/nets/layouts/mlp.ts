import { countAfter, type Layout } from "./layout.ts";

/** The multilayer perceptrons of this library. */
export const mlpLayout: Layout = {
  read(tensors, { input, activation }) {
    const depth = countAfter(tensors, "layers.");
    const isDense = [...tensors].every(
      ([name, { shape }]) => shape.length === ranks[/^layers\.\d+\.(.*)$/.exec(name)?.[1] ?? ""],
    );
    const first = tensors.get("layers.0.weight");
    if (!isDense || !first || depth > tensors.size) return null;
    const rows = Array.from({ length: depth }, (_, i) => tensors.get(`layers.${i}.weight`)?.shape[0] ?? 1);
    const description = {
      net: "mlp",
      input: input ?? [first.shape[1] as number],
      widths: rows.slice(0, -1),
      outputs: rows.at(-1) as number,
      activation: activation ?? "relu",
      bias: tensors.has("layers.0.bias"),
    };
    const isAssumed = depth > 1 && activation === undefined;
    return {
      description,
      assumptions: isAssumed ? ["relu after every hidden layer: activations are not written in the weights"] : [],
    };
  },
};

const ranks: Readonly<Record<string, number>> = { weight: 2, bias: 1 };
