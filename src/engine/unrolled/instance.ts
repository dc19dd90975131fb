import { type Tensor, toNumbers } from "../../tensor/index.ts";
import type { Tensors } from "../engine.ts";
import { emit } from "./emit.ts";
import type { Column, Unrolled } from "./unroll.ts";
import { wasmModule } from "./wasm.ts";

/** The function that an unrolled computation becomes, with the memory that it reads and writes. */
export interface Instance {
  run(): void;
  /** Puts the samples where the function reads them. */
  writeSamples(feeds: Tensors): void;
  /** The numbers of an input without samples, to be written before a run; undefined where it does not matter. */
  parameter(name: string): Float64Array | undefined;
  /** The numbers of an output, to be read after a run. */
  output(name: string): Float64Array;
}

interface Exports {
  run(): void;
  readonly memory: { readonly buffer: ArrayBuffer };
}

export async function instantiate(unrolled: Unrolled): Promise<Instance> {
  const { samples, columns, parameters, outputs } = unrolled;
  const emitted = emit(unrolled);
  const { instance } = await WebAssembly.instantiate(wasmModule(emitted.function));
  const { run, memory } = instance.exports as unknown as Exports;
  const numbersAt = (at: number, count: number) => new Float64Array(memory.buffer, at, count);
  const fill = (column: number, tensor: Tensor) => {
    const { start, stride } = columns[column] as Column;
    const numbers = toNumbers(tensor);
    const place = numbersAt(emitted.columnAt(column), samples);
    for (let sample = 0; sample < samples; sample++) place[sample] = numbers[start + sample * stride] as number;
  };
  numbersAt(emitted.constants.at, emitted.constants.values.length).set(emitted.constants.values);
  for (const [i, { source }] of columns.entries()) if (typeof source !== "string") fill(i, source);
  const regions = new Map<string, Float64Array>();
  for (const [name, { start, count }] of parameters) {
    regions.set(name, numbersAt(emitted.parametersAt + start * Float64Array.BYTES_PER_ELEMENT, count));
  }
  const results = new Map<string, Float64Array>();
  for (const [name, { elements }] of outputs) {
    results.set(name, numbersAt(emitted.outputsAt.get(name) as number, elements.length));
  }
  return {
    run,
    writeSamples(feeds) {
      for (const [i, { source }] of columns.entries()) if (typeof source === "string") fill(i, feeds[source] as Tensor);
    },
    parameter: (name) => regions.get(name),
    output: (name) => results.get(name) as Float64Array,
  };
}
