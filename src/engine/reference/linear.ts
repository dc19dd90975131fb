import type { Value } from "../../graph/index.ts";
import { elementCount } from "../../tensor/index.ts";
import { broadcastIndices } from "./elementwise.ts";
import type { Elements, Kernel } from "./kernels.ts";

const matmul: Kernel<"MatMul"> = (value, [a, b]) => {
  const [left, right] = value.operands as unknown as [Value, Value];
  const [rows, inner] = left.shape.slice(-2) as [number, number];
  const columns = right.shape.at(-1) as number;
  const batch = value.shape.slice(0, -2);
  const leftBlock = broadcastIndices(left.shape.slice(0, -2), batch);
  const rightBlock = broadcastIndices(right.shape.slice(0, -2), batch);
  const result = new Float64Array(elementCount(value.shape));
  for (let block = 0; block < elementCount(batch); block++) {
    const x = (a as Elements).subarray(leftBlock(block) * rows * inner);
    const y = (b as Elements).subarray(rightBlock(block) * inner * columns);
    multiply(x, y, result.subarray(block * rows * columns), rows, inner, columns);
  }
  return result;
};

/** z += x y for row-major matrices. */
function multiply(x: Elements, y: Elements, z: Elements, rows: number, inner: number, columns: number): void {
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const factor = x[i * inner + k] as number;
      for (let j = 0; j < columns; j++) {
        z[i * columns + j] = (z[i * columns + j] as number) + factor * (y[k * columns + j] as number);
      }
    }
  }
}

export const linear = { MatMul: matmul };
