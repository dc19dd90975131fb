import type * as Ort from "onnxruntime-common";
import { InputError } from "../../errors.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { OrtModule, OrtTensors } from "./module.ts";

/** Copies bytes, because half precision may come back as a Float16Array. */
export function copyOut(from: OrtTensors, to: OrtTensors): void {
  for (const [name, target] of Object.entries(to)) bytesOf(target).set(bytesOf(from[name] as Ort.Tensor));
}

/** The memory of a tensor's elements. */
export function bytesOf({ data }: Ort.Tensor): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = data as Uint8Array<ArrayBuffer>;
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** Wraps tensors without copying; the wrapper of a tensor is made once and lives as long as the tensor. */
export function tensorAdapter(ort: OrtModule): (value: Tensor) => Ort.Tensor {
  const wrappers = new WeakMap<Tensor, Ort.Tensor>();
  return (value) => {
    const known = wrappers.get(value);
    if (known) return known;
    const made = wrap(ort, value);
    wrappers.set(value, made);
    return made;
  };
}

function wrap(ort: OrtModule, { dtype, shape, data }: Tensor): Ort.Tensor {
  if (dtype === "bfloat16") {
    throw new InputError({
      code: "unsupported-dtype",
      where: "engine",
      message: "expected an element type that ONNX Runtime can be fed, got bfloat16",
      remedy: "convert the tensor to float32",
    });
  }
  // Its constructor wraps half precision in a Float16Array, which the native library takes for an empty one.
  if (dtype === "float16") return Object.assign(new ort.Tensor("uint16", data as Uint16Array, shape), { type: dtype });
  return new ort.Tensor(dtype, data, shape) as Ort.Tensor;
}
