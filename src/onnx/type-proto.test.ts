import { expect, test } from "vitest";
import { golden } from "../../test/golden/onnx/goldens.ts";
import { decodeModel, type TensorType, tensorTypeFromProto, tensorTypeToProto } from "./index.ts";

const { input, output, valueInfo } = decodeModel(golden("annotated").bytes).graph!;

test("a tensor type tells sizes, names and unknown axes apart", () => {
  expect(tensorTypeFromProto(output![0]!.type!)).toEqual({ dataType: 1, shape: ["n", null, 2, 0] });
});

test("an unknown rank is not a scalar", () => {
  expect(tensorTypeFromProto(valueInfo![0]!.type!)).toEqual({ dataType: 1, shape: undefined });
  expect(tensorTypeFromProto({ tensorType: { elemType: 1, shape: {} } })).toEqual({ dataType: 1, shape: [] });
});

test("a sequence is no tensor type", () => {
  expect(tensorTypeFromProto(input![0]!.type!)).toBeUndefined();
});

test.each<TensorType>([
  { dataType: 1, shape: ["n", null, 2, 0] },
  { dataType: 7, shape: [] },
  { dataType: 1, shape: undefined },
])("$shape survives the way to a message and back", (type) => {
  expect(tensorTypeFromProto(tensorTypeToProto(type))).toEqual(type);
});
