import type { Engine, Tensors } from "../src/engine/index.ts";
import { input, type Value } from "../src/graph/index.ts";
import { type DType, fromNumbers, toNumbers, zeros } from "../src/tensor/index.ts";

/** Something that every engine promises beside its numbers. */
export interface EngineLaw {
  readonly name: string;
  readonly observe: (engine: Engine) => Promise<unknown>;
  readonly expected: unknown;
}

const x = input("x", "float32", [3]);
const feeds = (...numbers: number[]) => ({ x: fromNumbers("float32", numbers, [3]) });
const numbersOf = (tensors: Tensors) => Object.values(tensors).map((each) => [...toNumbers(each)]);

export const engineLaws: readonly EngineLaw[] = [
  {
    name: "writes into the outputs it is handed, again and again",
    observe: async (engine) => {
      await using program = await engine.compile({ y: x.mul(2), z: x.add(1) });
      const y = zeros("float32", [3]);
      const first = await program.run(feeds(1, 2, 3), { y });
      const second = await program.run(feeds(4, 5, 6), { y });
      return [first.y === y, second.y === y, ...numbersOf({ y, first: first.z!, second: second.z! })];
    },
    expected: [true, true, [8, 10, 12], [2, 3, 4], [5, 6, 7]],
  },
  {
    name: "reads what is in a tensor now",
    observe: async (engine) => {
      await using program = await engine.compile({ y: x.mul(2) });
      const feed = feeds(1, 2, 3);
      await program.run(feed);
      feed.x.data.set([7, 8, 9]);
      return numbersOf(await program.run(feed));
    },
    expected: [[14, 16, 18]],
  },
  {
    name: "carries values from round to round of a loop",
    observe: async (engine) => {
      const factor = input("factor", "float32", []);
      await using loop = await engine.compileLoop({ x: x.mul(factor), sum: x.sum() }, ["factor"]);
      const last = await loop.run(3, { ...feeds(1, 2, 3), factor: fromNumbers("float32", [2, 3, 4], [3]) });
      return numbersOf({ x: last.x!, sum: last.sum! });
    },
    expected: [
      [24, 48, 72],
      [6, 12, 36],
    ],
  },
  {
    name: "compiles and runs several graphs at once",
    observe: (engine) => Promise.all([1, 2, 3, 4].map((factor) => runOnce(engine, x.mul(factor).sum()))),
    expected: [6, 12, 18, 24],
  },
  ...(["float16", "float32", "float64", "int32", "int64", "uint8", "bool"] as const).map((dtype) => ({
    name: `computes with ${dtype}`,
    observe: (engine: Engine) => castTwice(engine, dtype),
    expected: [0, 1, 1],
  })),
];

async function runOnce(engine: Engine, value: Value): Promise<number> {
  await using program = await engine.compile({ value });
  return toNumbers((await program.run(feeds(1, 2, 3))).value!)[0] as number;
}

async function castTwice(engine: Engine, dtype: DType): Promise<number[]> {
  await using program = await engine.compile({ y: input("x", dtype, [3]).cast("float32").cast(dtype) });
  const { y } = await program.run({ x: fromNumbers(dtype, [0, 1, 1], [3]) });
  return [...toNumbers(y!)];
}

/** What the engine does under each law; plain data, so that it can come from another process. */
export async function observeLaws(engine: Engine): Promise<Record<string, unknown>> {
  const observed: Record<string, unknown> = {};
  for (const { name, observe } of engineLaws) observed[name] = await observe(engine).catch(String);
  return observed;
}
