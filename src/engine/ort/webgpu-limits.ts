import { check } from "../../errors.ts";
import { apply, input, topologicalOrder, type Value } from "../../graph/index.ts";
import { fromNumbers } from "../../tensor/index.ts";
import type { Engine } from "../engine.ts";

/** Throws where the browser has no WebGPU. */
export async function requireAdapter(): Promise<void> {
  check(await navigator.gpu?.requestAdapter(), () => ({
    code: "no-device",
    where: "webgpu",
    message: "expected a browser that offers a WebGPU adapter, got none",
    remedy: 'use the provider "wasm"',
  }));
}

/** Throws over plain `onnxruntime-web` 1.30: its own, older WebGPU says without an error that gradients are zero. */
export async function requireGradients(engine: Engine): Promise<void> {
  const ones = (size: number) => fromNumbers("float32", new Array(size * size).fill(1), [1, 1, size, size]);
  const [x, g] = [input("x", "float32", [1, 1, 4, 4]), input("g", "float32", [1, 1, 2, 2])];
  const window = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };
  const y = apply("ConvWeightGrad", [x, g], { ...window, weightShape: [1, 1, 3, 3] });
  await using program = await engine.compile({ y });
  const gradient = (await program.run({ x: ones(4), g: ones(2) })).y?.data as Float32Array;
  check(
    gradient.every((element) => element === 4),
    () => ({
      code: "wrong-module",
      where: "webgpu",
      message: `expected a runtime that computes the gradient of a convolution as 4, got ${gradient[0]}`,
      remedy: 'import the runtime from "onnxruntime-web/webgpu"',
    }),
  );
}

/** The engine without float64, for which neither WebGPU nor the WebAssembly that comes with it has kernels. */
export function refusingFloat64(engine: Engine): Engine {
  return {
    ...engine,
    compile: async (outputs) => {
      refuseFloat64(outputs);
      return engine.compile(outputs);
    },
    compileLoop: async (outputs, stepped, members) => {
      refuseFloat64(outputs);
      return engine.compileLoop(outputs, stepped, members);
    },
  };
}

function refuseFloat64(outputs: Readonly<Record<string, Value>>): void {
  const wide = topologicalOrder(Object.values(outputs)).some(({ dtype }) => dtype === "float64");
  check(!wide, () => ({
    code: "unsupported-dtype",
    where: "webgpu",
    message: "expected a graph without float64, which WebGPU cannot compute in a browser",
    remedy: 'use float32, or the provider "wasm" over "onnxruntime-web/wasm"',
  }));
}
