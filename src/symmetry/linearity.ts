import type { Operator, Value } from "../graph/index.ts";
import type { Component } from "./leaves.ts";

/** Whether the units of a component are at most multiplied by what does not depend on them. */
export function isLinearAt(value: Value, { operands, results }: Component): boolean {
  const places = operands.map(({ place }) => place);
  const isSummed = results.length === 0;
  switch (kindOf[value.op]) {
    case "input":
      return true;
    case "sum":
      return !isSummed && value.operands.every((_, place) => places.includes(place));
    case "structure":
      return value.op === "Slice" || (!isSummed && places.length > 0);
    case "product":
      return isSummed ? places.length === 2 && places[0] !== places[1] : isFactor(value, places);
    default:
      return false;
  }
}

/** Whether one factor carries the units, and so does the bias where there is one. */
function isFactor({ operands }: Value, places: readonly number[]): boolean {
  return places.filter((place) => place < 2).length === 1 && (operands.length === 2 || places.includes(2));
}

const kindOf: { readonly [O in Operator]?: "input" | "sum" | "structure" | "product" } = {
  Input: "input",
  Add: "sum",
  Sub: "sum",
  Neg: "structure",
  Cast: "structure",
  Expand: "structure",
  Reshape: "structure",
  Transpose: "structure",
  Slice: "structure",
  Concat: "structure",
  ReduceSum: "structure",
  ReduceMean: "structure",
  AveragePool: "structure",
  Gather: "structure",
  Mul: "product",
  MatMul: "product",
  Conv: "product",
  ConvInputGrad: "product",
};
