import type { Engine, Program } from "../../engine/index.ts";
import { input, type Value } from "../../graph/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";

/** Products of unfolded tensors, each compiled once for its sizes, and written to `into` where it is given. */
export interface GramEngine extends AsyncDisposable {
  /** For each copy the product of matrices, [copies, units, length] by [copies, length, units]. */
  product(a: Tensor, b: Tensor, into?: Tensor["data"]): Promise<Tensor>;
  /** For each copy the matrix of inner products of the rows of `a` and `b`, [copies, units, units]. */
  gram(a: Tensor, b: Tensor, into?: Tensor["data"]): Promise<Tensor>;
  /** The same of their columns. */
  gramOfColumns(a: Tensor, b: Tensor, into?: Tensor["data"]): Promise<Tensor>;
}

/** Computes inner products on an engine. */
export function gramEngine(engine: Engine): GramEngine {
  const programs = new Map<string, Promise<Program>>();
  const multiply = async (a: Tensor, b: Tensor, { turned, into }: Product): Promise<Tensor> => {
    const key = `${a.dtype} ${a.shape} ${b.shape} ${turned}`;
    const program = programs.get(key) ?? compileProduct(engine, [a, b], turned);
    programs.set(key, program);
    const shape = [a.shape[0], a.shape[turned === "a" ? 2 : 1], b.shape[turned === "b" ? 1 : 2]] as number[];
    const target = into && { product: tensor(a.dtype, shape, into) };
    return (await (await program).run({ a, b }, target)).product as Tensor;
  };
  return {
    product: (a, b, into) => multiply(a, b, { turned: null, into }),
    gram: (a, b, into) => multiply(a, b, { turned: "b", into }),
    gramOfColumns: (a, b, into) => multiply(a, b, { turned: "a", into }),
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}

interface Product {
  readonly turned: "a" | "b" | null;
  readonly into: Tensor["data"] | undefined;
}

function compileProduct(
  engine: Engine,
  [x, y]: readonly [Tensor, Tensor],
  turned: Product["turned"],
): Promise<Program> {
  const [a, b] = [input("a", x.dtype, x.shape), input("b", y.dtype, y.shape)].map((value, i) =>
    turned === "ab"[i] ? value.transpose([0, 2, 1]) : value,
  ) as [Value, Value];
  return engine.compile({ product: a.matmul(b) });
}
