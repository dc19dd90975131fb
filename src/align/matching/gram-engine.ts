import type { Engine, Program } from "../../engine/index.ts";
import { input, type Value } from "../../graph/index.ts";
import type { Tensor } from "../../tensor/index.ts";

/** Products of unfolded tensors, each compiled once for its sizes. */
export interface GramEngine extends AsyncDisposable {
  /** For each copy the product of matrices, [copies, units, length] by [copies, length, units]. */
  product(a: Tensor, b: Tensor): Promise<Tensor>;
  /** For each copy the matrix of inner products of the rows of `a` and `b`, [copies, units, units]. */
  gram(a: Tensor, b: Tensor): Promise<Tensor>;
  /** The same of their columns. */
  gramOfColumns(a: Tensor, b: Tensor): Promise<Tensor>;
}

/** Computes inner products on an engine. */
export function gramEngine(engine: Engine): GramEngine {
  const programs = new Map<string, Promise<Program>>();
  const multiply = async (a: Tensor, b: Tensor, turned: "a" | "b" | null): Promise<Tensor> => {
    const key = `${a.dtype} ${a.shape} ${b.shape} ${turned}`;
    const program = programs.get(key) ?? compileProduct(engine, [a, b], turned);
    programs.set(key, program);
    return (await (await program).run({ a, b })).product as Tensor;
  };
  return {
    product: (a, b) => multiply(a, b, null),
    gram: (a, b) => multiply(a, b, "b"),
    gramOfColumns: (a, b) => multiply(a, b, "a"),
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}

function compileProduct(engine: Engine, [x, y]: readonly [Tensor, Tensor], turned: "a" | "b" | null): Promise<Program> {
  const [a, b] = [input("a", x.dtype, x.shape), input("b", y.dtype, y.shape)].map((value, i) =>
    turned === "ab"[i] ? value.transpose([0, 2, 1]) : value,
  ) as [Value, Value];
  return engine.compile({ product: a.matmul(b) });
}
