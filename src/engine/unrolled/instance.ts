import { toNumbers } from "../../tensor/index.ts";
import { emit } from "./emit.ts";
import type { Column, Unrolled } from "./unroll.ts";
import { wasmModule } from "./wasm.ts";

/** The function that an unrolled computation becomes, with the memory that it reads and writes. */
export interface Instance {
  run(): void;
  /** Puts the numbers of an input where the function reads them. */
  write(name: string, numbers: Float64Array): void;
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
  const placed = columns.map((column, i) => ({ ...column, place: numbersAt(emitted.columnAt(i), samples) }));
  const bySource = Map.groupBy(placed, ({ source }) => source);
  const fill = (source: Column["source"], numbers: Float64Array) => {
    for (const { place, start, stride } of bySource.get(source) ?? []) {
      for (let sample = 0; sample < samples; sample++) place[sample] = numbers[start + sample * stride] as number;
    }
  };
  numbersAt(emitted.constants.at, emitted.constants.values.length).set(emitted.constants.values);
  for (const source of bySource.keys()) if (typeof source !== "string") fill(source, toNumbers(source));
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
    write(name, numbers) {
      const region = regions.get(name);
      if (region) region.set(numbers);
      else fill(name, numbers);
    },
    output: (name) => results.get(name) as Float64Array,
  };
}
