import fc from "fast-check";
import { expect, it } from "vitest";
import { InputError } from "../../errors.ts";
import { apply, concat, constant, input, inputsOf, type Operator, Value, where } from "../../graph/index.ts";
import { elementCount, fold, fromNumbers, normal, partOf, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { type Members, referenceEngine, type Tensors } from "../index.ts";
import { unrolledLoop } from "./program.ts";

/** A choice among so many; a row of them makes a case. */
type Draw = (count: number) => number;

interface Case {
  readonly outputs: Readonly<Record<string, Value>>;
  readonly rounds: number;
  readonly members: Members | undefined;
  readonly feeds: Tensors;
}

const stepped = ["p"];

function caseFrom(draw: Draw): Case {
  const pick = <T>(items: readonly T[]): T => items[draw(items.length)] as T;
  const samples = pick([32, 33]);
  const width = pick([1, 2, 3]);
  const own = ["w", ...["x", "p", "y"].filter(() => draw(2) === 1)];
  const values: Value[] = [
    input("x", "float64", [samples, width]),
    input("p", "float64", pick([[width], [5], [50], [2 * samples]])),
    input("w", "float64", pick([[], [width], [2, width], [width, 2], [0]])),
    input("y", "float64", pick([[samples], [1, samples], [2, samples, width], [samples, 0]])),
    input("label", "int32", [samples, 1]),
    input("flag", "bool", pick([[samples], [samples, 1], [width]])),
    constant(fromNumbers("float64", [1, -2, 0.5])),
  ];
  const carried = values[2] as Value;
  const recent = () => (draw(3) ? (values.at(-1 - draw(3)) as Value) : pick(values));
  for (let steps = draw(10); steps > 0; steps--) {
    const made = node(draw, pick, [recent(), recent(), recent()], samples);
    if (made && elementCount(made.shape) <= 2000) values.push(made);
  }
  const result = () => {
    const value = pick([recent(), values.at(-1) as Value]).cast("float64");
    const axes = [...value.shape.keys()].filter((axis) => value.shape[axis] === samples);
    return pick([value, value.sum(), value.sum(axes), value.mean(axes)]);
  };
  const outputs = { first: result(), second: result(), w: carried.mul(0.5).add(result().sum()) };
  const rounds = 1 + draw(2);
  const members = pick([undefined, { count: 1 + draw(3), own }]);
  const feedOf = ({ attributes: { name, dtype, shape } }: Value<"Input">) => {
    const leading = [
      ...(stepped.includes(name) ? [rounds] : []),
      ...(members?.own.includes(name) ? [members.count] : []),
    ];
    const numbers = normal(fold(rngKey(1), name), [...leading, ...shape], { dtype: "float64" });
    return dtype === "float64"
      ? numbers
      : fromNumbers(
          dtype,
          numbers.data.map((x) => Number(x > 0)),
          numbers.shape,
        );
  };
  const feeds = inputsOf(Object.values(outputs)).map((value) => [value.attributes.name, feedOf(value)]);
  return { outputs, rounds, members, feeds: Object.fromEntries(feeds) };
}

const unary = [
  "Neg",
  "Abs",
  "Sign",
  "Exp",
  "Sqrt",
  "Reciprocal",
  "Relu",
  "Sigmoid",
  "Tanh",
  "Softplus",
  "Log",
] as const;
const binary = ["Add", "Sub", "Mul", "Div", "Max", "Min", "Less", "LessOrEqual", "Equal", "MatMul", "MatMul"] as const;
const reductions = ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin"] as const;

/** One more value, or null where the operands do not fit. */
function node(
  draw: Draw,
  pick: <T>(items: readonly T[]) => T,
  [a, b, c]: readonly [Value, Value, Value],
  samples: number,
): Value | null {
  const { shape } = a;
  const axis = draw(Math.max(1, a.rank));
  const size = shape[axis] ?? 0;
  const start = draw(size + 1);
  const pads = () => shape.map(() => pick([0, 0, 1, samples - 1]));
  const makers: Readonly<Record<string, () => Value>> = {
    unary: () => apply(pick(unary), [a]),
    binary: () => apply(pick(binary), [a, b]),
    again: () => apply(pick(binary), [b, a]),
    moments: () => a.transpose().matmul(b),
    leaky: () => a.leakyRelu(pick([0.01, 2])),
    power: () => a.pow(pick([1, 2, 3, -1])),
    cast: () => a.cast(pick(["float64", "bool", "int32"])),
    logic: () => pick([a.and(b), a.or(b), a.not()]),
    where: () => where(a.cast("bool"), b, c),
    softmax: () => pick([a.softmax(axis), a.logSoftmax(axis)]),
    reduce: () => {
      const axes = [...shape.keys()].filter(() => draw(2) === 1);
      return new Value<Operator>(pick(reductions), [a], { axes, keepDims: draw(2) === 1 });
    },
    reshape: () => a.reshape(pick([[-1], [-1, 1], [1, -1], [2, -1], [samples, -1], [-1, samples]])),
    transpose: () => a.transpose(pick([undefined, [1, 0], [0, 2, 1], [1, 2, 0]])),
    expand: () => a.expand(pick([[samples], [samples, size], [2, ...shape]])),
    concat: () => concat([a, pick([a, b]), c], axis),
    slice: () => a.slice(axis, start, pick([size, Math.min(size, start + samples)]), 1 + draw(2)),
    pad: () => a.pad([...pads(), ...pads()]),
  };
  try {
    return (makers[pick(Object.keys(makers))] as () => Value)();
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

/** The numbers of a case by the oracle, one member after another. */
async function expectedOf({ outputs, rounds, members, feeds }: Case): Promise<Record<string, number[]>> {
  const loop = await referenceEngine().compileLoop(outputs, stepped);
  const rowsOf = (tensor: Tensor) => Array.from({ length: tensor.shape[0] as number }, (_, row) => partOf(tensor, row));
  const ownOf =
    (member: number) =>
    ([name, tensor]: [string, Tensor]) => {
      if (!members?.own.includes(name)) return [name, tensor];
      if (!stepped.includes(name)) return [name, partOf(tensor, member)];
      const rows = rowsOf(tensor).map((row) => partOf(row, member));
      return [
        name,
        fromNumbers(
          tensor.dtype,
          rows.flatMap((row) => [...toNumbers(row)]),
          [rounds, ...tensor.shape.slice(2)],
        ),
      ];
    };
  const runs: Tensors[] = [];
  for (let member = 0; member < (members?.count ?? 1); member++) {
    runs.push(await loop.run(rounds, Object.fromEntries(Object.entries(feeds).map(ownOf(member)))));
  }
  const numbers = (name: string) => {
    const each = runs.map((run) => run[name] as Tensor);
    if (name === "w") return each.flatMap((tensor) => [...toNumbers(tensor)]);
    return Array.from({ length: rounds }, (_, round) =>
      each.flatMap((tensor) => [...toNumbers(partOf(tensor, round))]),
    ).flat();
  };
  return Object.fromEntries(Object.keys(outputs).map((name) => [name, numbers(name)]));
}

/** Of sums and products of a few numbers, which may cancel. */
const tolerance = 1e-9;

it("gives what the oracle gives for any graph that it takes", async () => {
  let taken = 0;
  const agrees = async (choices: readonly number[]) => {
    let next = 0;
    const example = caseFrom((count) => (choices[next++] ?? 0) % count);
    const { outputs, rounds, members, feeds } = example;
    const program = await unrolledLoop(outputs, stepped, members);
    if (!program) return;
    taken++;
    const [found, expected] = [await program.run(rounds, feeds), await expectedOf(example)];
    for (const [name, numbers] of Object.entries(expected)) {
      const ours = [...toNumbers(found[name] as Tensor)];
      expect(ours.length).toBe(numbers.length);
      const scale = numbers.filter(Number.isFinite).reduce((most, x) => Math.max(most, Math.abs(x)), 1);
      for (const [i, x] of numbers.entries()) {
        // A constant 0 times what is not a number is 0 here.
        if (Number.isFinite(x)) expect(Math.abs((ours[i] as number) - x)).toBeLessThanOrEqual(tolerance * scale);
        else if (!Number.isNaN(x)) expect(ours[i]).toBe(x);
      }
    }
  };
  const choices = fc.array(fc.nat(9999), { minLength: 30, maxLength: 150, size: "max" });
  await fc.assert(fc.asyncProperty(choices, agrees), { numRuns: 2000, seed: 1 });
  expect(taken).toBeGreaterThan(250);
});
