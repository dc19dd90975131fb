import type { Value } from "../../graph/index.ts";
import { type Tensor, toNumbers, zeros } from "../../tensor/index.ts";
import type { LoopProgram, Tensors } from "../engine.ts";
import { checkLoopFeeds } from "../loop.ts";
import { emit } from "./emit.ts";
import { type Column, type Unrolled, unroll } from "./unroll.ts";
import { wasmModule } from "./wasm.ts";

/**
 * The loop as WebAssembly that passes once over the samples per round, or null where another engine has to run it: unless
 * all of it is float64, the network is small, and nothing but sums over all samples connects one with another.
 */
export async function unrolledLoop(
  outputs: Readonly<Record<string, Value>>,
  stepped: readonly string[],
): Promise<LoopProgram | null> {
  const unrolled = unroll(outputs, stepped);
  if (!unrolled) return null;
  const { run, memory } = await instantiated(unrolled);
  const { plan } = unrolled;
  const carried = plan.carried.map(({ attributes: { name } }) => name);
  const shapeOf = (name: string) => unrolled.outputs.get(name)?.shape as readonly number[];
  return {
    async run(rounds, feeds, into = {}) {
      checkLoopFeeds(plan, rounds, feeds);
      memory.write(feeds, [...plan.shared.map(({ attributes }) => attributes.name), ...carried]);
      const steps = plan.stepped.map(({ attributes: { name } }) => toNumbers(feeds[name] as Tensor));
      const places = plan.stepped.map(({ attributes: { name } }) => memory.parameter(name));
      const collected = plan.collected.map((name) => zeros("float64", [rounds, ...shapeOf(name)]));
      const sources = plan.collected.map(memory.output);
      for (let round = 0; round < rounds; round++) {
        for (const [i, place] of places.entries()) {
          place.set((steps[i] as Float64Array).subarray(round * place.length, (round + 1) * place.length));
        }
        run();
        for (const [i, source] of sources.entries()) collected[i]?.data.set(source, round * source.length);
        for (const name of carried) memory.parameter(name).set(memory.output(name));
      }
      const last = carried.map((name) => {
        const tensor = (into[name] ?? zeros("float64", shapeOf(name))) as Tensor<"float64">;
        tensor.data.set(memory.output(name));
        return [name, tensor] as const;
      });
      return Object.fromEntries([...last, ...plan.collected.map((name, i) => [name, collected[i] as Tensor] as const)]);
    },
    async [Symbol.asyncDispose]() {},
  };
}

async function instantiated(unrolled: Unrolled) {
  const emitted = emit(unrolled);
  const { instance } = await WebAssembly.instantiate(wasmModule(emitted.function));
  const { run, memory } = instance.exports as unknown as {
    run(): void;
    readonly memory: { readonly buffer: ArrayBuffer };
  };
  const numbersAt = (at: number, count: number) => new Float64Array(memory.buffer, at, count);
  numbersAt(emitted.constants.at, emitted.constants.values.length).set(emitted.constants.values);
  const fill = (column: number, tensor: Tensor) => {
    const { start, stride } = unrolled.columns[column] as Column;
    const numbers = toNumbers(tensor);
    const place = numbersAt(emitted.columnAt(column), unrolled.samples);
    for (let sample = 0; sample < place.length; sample++) place[sample] = numbers[start + sample * stride] as number;
  };
  for (const [i, { source }] of unrolled.columns.entries()) if (typeof source !== "string") fill(i, source);
  const parameters = new Map(
    [...unrolled.parameters].map(([name, { start, count }]) => [
      name,
      numbersAt(emitted.parametersAt + start * Float64Array.BYTES_PER_ELEMENT, count),
    ]),
  );
  const outputs = new Map(
    [...unrolled.outputs].map(([name, { elements }]) => [
      name,
      numbersAt(emitted.outputsAt.get(name) as number, elements.length),
    ]),
  );
  return {
    run,
    memory: {
      parameter: (name: string) => parameters.get(name) as Float64Array,
      output: (name: string) => outputs.get(name) as Float64Array,
      /** Puts the tensors of these names where the function reads them. */
      write(feeds: Tensors, names: readonly string[]) {
        for (const [i, { source }] of unrolled.columns.entries()) {
          if (typeof source === "string") fill(i, feeds[source] as Tensor);
        }
        for (const name of names) parameters.get(name)?.set(toNumbers(feeds[name] as Tensor));
      },
    },
  };
}
