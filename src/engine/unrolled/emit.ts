import type { Scalar } from "./scalar.ts";
import type { Unrolled } from "./unroll.ts";
import { type Code, instruction as i, type WasmFunction } from "./wasm.ts";

/** A computation as a function over a memory, and where its numbers lie in it, in bytes. */
export interface Emitted {
  readonly function: WasmFunction;
  readonly parametersAt: number;
  /** Where the numbers of each column begin. */
  columnAt(column: number): number;
  readonly outputsAt: ReadonlyMap<string, number>;
  /** What has to be in memory from the start. */
  readonly constants: { readonly at: number; readonly values: Float64Array };
}

const bytesPerNumber = 8;
const bytesPerPair = 16;
/** Loads from fixed places. */
const origin = i.i32Const(0);
/** The local that counts the bytes of a column that are done. */
const done = 0;
const firstScalar = 1;

const bits = {
  one: bitsOf(1),
  twoTo52: bitsOf(2 ** 52),
  exponentShift: bitsOf(2 ** 52 + 1023),
  mantissa: 2n ** 52n - 1n,
};

function bitsOf(value: number): bigint {
  return new BigUint64Array(Float64Array.of(value).buffer)[0] as bigint;
}

function both(value: bigint): Code {
  return i.constant(value, value);
}

type Leaf = "constant" | "parameter" | "column" | "total";

/** What follows the operands. */
const instructions: Readonly<Record<Exclude<Scalar["op"], Leaf>, Code>> = {
  add: i.add,
  sub: i.sub,
  mul: i.mul,
  div: i.div,
  max: i.max,
  min: i.min,
  raise: i.raise,
  lower: i.lower,
  neg: i.neg,
  abs: i.abs,
  sqrt: i.sqrt,
  equal: [i.equal, both(bits.one), i.and],
  less: [i.less, both(bits.one), i.and],
  lessOrEqual: [i.lessOrEqual, both(bits.one), i.and],
  // The operands in the order a, b, condition.
  select: [both(0n), i.notEqual, i.bitSelect],
  power: [i.i32Const(52), i.shiftLeft, both(bits.one), i.addBits],
  exponent: [i.i32Const(52), i.shiftRight, both(bits.twoTo52), i.or, both(bits.exponentShift), i.sub],
  mantissa: [both(bits.mantissa), i.and, both(bits.one), i.or],
};

/**
 * A pass over the samples, two at a time in the lanes of a vector: first what all samples share, then for each pair its
 * scalars and what they add to the sums, the odd one alone, and in the end what is made of the sums. Outside of the loop
 * both lanes are equal.
 */
export function emit(unrolled: Unrolled): Emitted {
  const { samples, outputs, order } = unrolled;
  const memory = memoryPlan(unrolled);
  const inLoop = order.filter(({ stage }) => stage === "sample");
  const locals = new Map(inLoop.map((scalar, k) => [scalar, firstScalar + k]));
  const { add, compute, finish, output, set, store, zero } = writer(memory, locals);
  const totals = order.filter(({ op }) => op === "total");
  const computedIn = (stage: Scalar["stage"]) =>
    order.filter((scalar) => scalar.stage === stage && scalar.operands.length > 0 && scalar.op !== "total");
  const pass = (lanes: Code): Code =>
    order.map((scalar) => {
      if (scalar.op === "total") return add(scalar, lanes);
      return scalar.stage === "sample" ? set(scalar, compute(scalar)) : [];
    });
  const pairBytes = Math.floor(samples / 2) * bytesPerPair;
  const body: Code = [
    totals.map(zero),
    computedIn("shared").map((scalar) => store(scalar, compute(scalar))),
    [i.loop, pass([])],
    [i.getLocal(done), i.i32Const(bytesPerPair), i.i32Add, i.teeLocal(done)],
    [i.i32Const(pairBytes), i.i32LessUnsigned, i.branchIf(0), i.end],
    samples % 2 === 0 ? [] : pass([i.constant(-1n, 0n), i.and]),
    totals.map(finish),
    computedIn("total").map((scalar) => store(scalar, compute(scalar))),
    [...outputs].map(([name, { elements }]) => output(memory.outputsAt.get(name) as number, elements)),
  ];
  return {
    function: { body, i32Locals: 1, v128Locals: locals.size, memoryBytes: memory.bytes },
    parametersAt: memory.parametersAt,
    columnAt: memory.columnAt,
    outputsAt: memory.outputsAt,
    constants: memory.constants,
  };
}

interface MemoryPlan extends Omit<Emitted, "function"> {
  readonly bytes: number;
  /** Of constants, which are one number, and of what is computed outside of the loop, which is a pair. */
  readonly places: ReadonlyMap<Scalar, number>;
}

function memoryPlan({ samples, parameters, columns, outputs, order }: Unrolled): MemoryPlan {
  let bytes = 0;
  const reserve = (size: number): number => {
    const at = bytes;
    bytes += Math.ceil(size / bytesPerPair) * bytesPerPair;
    return at;
  };
  const columnBytes = Math.ceil(samples / 2) * bytesPerPair;
  const columnsAt = reserve(columns.length * columnBytes);
  const counts = [...parameters.values()].map(({ count }) => count);
  const parametersAt = reserve(counts.reduce((sum, count) => sum + count, 0) * bytesPerNumber);
  const outputsAt = new Map(
    [...outputs].map(([name, { elements }]) => [name, reserve(elements.length * bytesPerNumber)]),
  );
  const constants = order.filter(({ op }) => op === "constant");
  const constantsAt = reserve(constants.length * bytesPerNumber);
  const places = new Map(constants.map((scalar, k) => [scalar, constantsAt + k * bytesPerNumber]));
  for (const scalar of order) {
    if (scalar.operands.length > 0 && scalar.stage !== "sample") places.set(scalar, reserve(bytesPerPair));
  }
  return {
    columnAt: (column) => columnsAt + column * columnBytes,
    parametersAt,
    outputsAt,
    constants: { at: constantsAt, values: Float64Array.from(constants, ({ value }) => value) },
    places,
    bytes,
  };
}

/** The code that reads, computes and keeps scalars. */
function writer({ columnAt, parametersAt, places }: MemoryPlan, locals: ReadonlyMap<Scalar, number>) {
  const placeOf = (scalar: Scalar) => places.get(scalar) as number;
  const read = (scalar: Scalar): Code => {
    if (scalar.op === "parameter") return [origin, i.loadSplat(parametersAt + scalar.value * bytesPerNumber)];
    if (scalar.op === "constant") return [origin, i.loadSplat(placeOf(scalar))];
    return scalar.stage === "sample" ? i.getLocal(locals.get(scalar) as number) : [origin, i.load(placeOf(scalar))];
  };
  const store = (scalar: Scalar, code: Code): Code => [origin, code, i.store(placeOf(scalar))];
  const set = (scalar: Scalar, code: Code): Code => [code, i.setLocal(locals.get(scalar) as number)];
  return {
    store,
    set,
    compute({ op, operands: [a, b, c], value }: Scalar): Code {
      if (op === "column") return [i.getLocal(done), i.load(columnAt(value))];
      const inOrder = op === "select" ? [b, c, a] : [a, b, c];
      const operands = inOrder.flatMap((operand) => (operand ? [read(operand)] : []));
      return [operands, instructions[op as Exclude<Scalar["op"], Leaf>]];
    },
    zero: (total: Scalar): Code => store(total, both(0n)),
    /** Adds what the pair at hand has to a sum. */
    add: (total: Scalar, lanes: Code): Code =>
      store(total, [read(total), read(total.operands[0] as Scalar), lanes, i.add]),
    /** Adds the lanes of a sum. */
    finish: (total: Scalar): Code => store(total, [read(total), read(total), read(total), i.swapLanes, i.add]),
    output: (at: number, elements: readonly Scalar[]): Code =>
      elements.map((scalar, k) => [origin, read(scalar), i.storeLane(at + k * bytesPerNumber, 0)]),
  };
}
