import { describe, expect, it } from "vitest";
import {
  bfloat16Value,
  convert,
  type DType,
  dtypes,
  float16Value,
  fromNumbers,
  isFloat,
  tensor,
  toNumbers,
  zeros,
} from "./index.ts";

const integers = ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"] as const;

function limits(dtype: (typeof integers)[number]): [bigint, bigint] {
  const bits = BigInt(dtype.replace(/\D/g, ""));
  return dtype.startsWith("u") ? [0n, 2n ** bits - 1n] : [-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n];
}

/** The float64 next to a whole number, away from zero. */
function beyond(limit: number): number {
  return limit + Math.sign(limit) * Math.max(1, Math.abs(limit) * 2 ** -52);
}

describe("floats to integers", () => {
  it.each(integers)("are truncated: %s", (dtype) => {
    const [lowest] = limits(dtype);
    const values = lowest === 0n ? [0, -0, -0.9, 0.9, 1.5, 2.5, 127.999] : [0, -0, -0.9, 0.9, -1.5, 2.5, -127.999];
    const expected = lowest === 0n ? [0, 0, 0, 0, 1, 2, 127] : [0, 0, 0, 0, -1, 2, -127];
    expect([...toNumbers(fromNumbers(dtype, values))].map((x) => x + 0)).toEqual(expected);
  });

  it.each(integers)("reach both ends, and no further: %s", (dtype) => {
    const [lowest, highest] = limits(dtype);
    const top = Number(highest) > Number.MAX_SAFE_INTEGER ? Number(highest) * (1 - 2 ** -53) : Number(highest);
    expect([...toNumbers(fromNumbers(dtype, [Number(lowest), top]))]).toEqual([Number(lowest), top]);
    const tooLow = lowest === 0n ? -1 : beyond(Number(lowest));
    for (const value of [beyond(top), tooLow, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(() => fromNumbers(dtype, [0, value])).toThrow(
        expect.objectContaining({ name: "InputError", message: `convert: ${value} does not fit ${dtype}` }),
      );
    }
  });
});

describe("integers to integers", () => {
  it("keep all 64 bits", () => {
    const values = tensor("int64", [3], BigInt64Array.of(2n ** 53n + 1n, 0n, 2n ** 63n - 1n));
    expect(convert(convert(values, "uint64"), "int64")).toEqual(values);
  });

  it.each([
    ["int64", "uint64", -1n],
    ["uint64", "int64", 2n ** 63n],
    ["int64", "int32", 2n ** 31n],
    ["uint64", "uint8", 256n],
    ["int64", "int8", -129n],
  ] as const)("refuse what does not fit: %s to %s", (from, to, value) => {
    const data = from === "int64" ? BigInt64Array.of(value) : BigUint64Array.of(value);
    expect(() => convert(tensor(from, [1], data as never), to)).toThrow(`convert: ${value} does not fit ${to}`);
  });

  it("agree between every two types", () => {
    for (const from of integers) {
      for (const to of integers) {
        expect(convert(fromNumbers(from, [0, 1, 127]), to)).toEqual(fromNumbers(to, [0, 1, 127]));
      }
    }
  });
});

describe("booleans", () => {
  it.each(dtypes)("are 0 where the element is zero, else 1: %s", (dtype) => {
    expect(convert(fromNumbers(dtype, [0, 1, 0]), "bool")).toEqual(fromNumbers("bool", [0, 1, 0]));
  });

  it("take every number but zero for true", () => {
    const values = fromNumbers("float64", [-0, 0.5, 5e-324, -2, Number.NaN, Number.NEGATIVE_INFINITY]);
    expect([...convert(values, "bool").data]).toEqual([0, 1, 1, 1, 1, 1]);
    expect([...convert(tensor("int64", [2], BigInt64Array.of(0n, 2n ** 40n)), "bool").data]).toEqual([0, 1]);
  });

  it.each(dtypes)("become 0 and 1: %s", (dtype) => {
    expect(convert(fromNumbers("bool", [0, 1]), dtype)).toEqual(fromNumbers(dtype, [0, 1]));
  });
});

describe("convert", () => {
  it("hands back a tensor that has the type already", () => {
    for (const dtype of dtypes) {
      const value = zeros(dtype, [2]);
      expect(convert(value, dtype)).toBe(value);
    }
  });

  it("keeps shapes without elements", () => {
    for (const from of dtypes) {
      for (const to of dtypes) expect(convert(zeros(from, [2, 0, 3]), to)).toEqual(zeros(to, [2, 0, 3]));
    }
  });
});

describe("fromNumbers", () => {
  it("makes one axis unless a shape is given", () => {
    expect(fromNumbers("int8", [1, 2]).shape).toEqual([2]);
    expect(fromNumbers("int8", [1, 2], [2, 1]).shape).toEqual([2, 1]);
    expect(fromNumbers("float16", [], [0, 3])).toEqual(zeros("float16", [0, 3]));
  });

  it("copies", () => {
    const numbers = Float64Array.of(1, 2);
    expect(fromNumbers("float64", numbers).data).not.toBe(numbers);
  });

  it.each([[[1, 2, 3], [2]] as const, [[], [2]] as const, [[1], [0]] as const])("refuses %j as %j", (values, shape) => {
    expect(() => fromNumbers("float32", values, shape)).toThrow(
      `tensor: shape [${shape}] needs ${shape[0]} elements, got ${values.length}`,
    );
  });
});

it.each(["float16", "bfloat16"] as const)("widens many %s as it widens one", (dtype) => {
  const bits = Uint16Array.from({ length: 2 ** 16 + 3 }, (_, i) => i);
  const valueOf16 = dtype === "float16" ? float16Value : bfloat16Value;
  for (const wide of ["float32", "float64"] as const) {
    const { data } = convert(tensor(dtype, [bits.length], bits), wide);
    expect(data.every((value, i) => Object.is(value, valueOf16(bits[i] as number)))).toBe(true);
  }
});

it("calls four types floats", () => {
  expect(dtypes.filter(isFloat)).toEqual(["float16", "bfloat16", "float32", "float64"] satisfies DType[]);
});
