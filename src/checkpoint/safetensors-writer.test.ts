import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { goldenBytes, goldenNames, goldenTensors } from "../../test/golden/safetensors/goldens.ts";
import {
  dtypes,
  fromNumbers,
  lazyTensor,
  shelf,
  type Tensor,
  tensorBytes,
  tensorFromBytes,
  zeros,
} from "../tensor/index.ts";
import { bytesSource } from "./byte-source.ts";
import { readAll } from "./checkpoint.ts";
import { openSafetensors } from "./safetensors-reader.ts";
import { encodeSafetensors, safetensorsPieces } from "./safetensors-writer.ts";

function join(chunks: Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(chunks));
}

describe("encodeSafetensors", () => {
  it.each(goldenNames.filter((name) => name !== "float8"))("writes the reference's bytes: %s", (name) => {
    const { tensors, metadata } = goldenTensors(name);
    const named = tensors.toReversed() as [string, Tensor][];
    expect(join(encodeSafetensors(named, metadata ?? undefined))).toEqual(goldenBytes(name));
    expect(join(encodeSafetensors(Object.fromEntries(named), metadata ?? undefined))).toEqual(goldenBytes(name));
  });

  it("sorts metadata, so that equal checkpoints have equal bytes", () => {
    const bytes = join(encodeSafetensors({}, { b: "1", a: "2" }));
    expect(bytes).toEqual(join(encodeSafetensors({}, { a: "2", b: "1" })));
    expect(new TextDecoder().decode(bytes.subarray(8))).toBe('{"__metadata__":{"a":"2","b":"1"}}      ');
  });

  it("copies no tensor", () => {
    const weight = fromNumbers("float32", [1, 2]);
    expect(encodeSafetensors({ weight })[1]?.buffer).toBe(weight.data.buffer);
  });

  it("reads a lazy tensor when its turn comes, and no earlier", () => {
    const asked: string[] = [];
    const lazy = (name: string, value: number) =>
      lazyTensor({ dtype: "uint8", shape: [1], load: () => Uint8Array.of(asked.push(name) && value) }, shelf());
    const pieces = safetensorsPieces({ b: lazy("b", 2), a: lazy("a", 1) });
    const seen = Array.from(pieces, (piece) => [asked.join(), piece.at(-1)]).slice(1);
    expect(seen).toEqual([
      ["a", 1],
      ["a,b", 2],
    ]);
    const held = { a: fromNumbers("uint8", [1]), b: fromNumbers("uint8", [2]) };
    expect(join([...safetensorsPieces({ b: lazy("b", 2), a: lazy("a", 1) })])).toEqual(join(encodeSafetensors(held)));
  });

  it("leaves its arguments as they are", () => {
    const named: [string, Tensor][] = [
      ["b", zeros("bool", [])],
      ["a", zeros("float32", [])],
    ];
    encodeSafetensors(named);
    expect(named.map(([name]) => name)).toEqual(["b", "a"]);
  });

  it("refuses names that no reader could give back", () => {
    const x = zeros("float32", [1]);
    expect(() => encodeSafetensors({ __metadata__: x })).toThrow("no tensor can be called __metadata__; rename it");
    const twice: [string, Tensor][] = [
      ["w", x],
      ["w", x],
    ];
    expect(() => encodeSafetensors(twice)).toThrow('two tensors are called "w"; rename it');
    expect(() => encodeSafetensors({ "\ud800": x })).toThrow("half of a surrogate pair");
    expect(() => encodeSafetensors({}, { a: "\udc00" })).toThrow("half of a surrogate pair");
  });

  it("refuses a header that no reader would accept", () => {
    expect(() => encodeSafetensors({}, { a: "x".repeat(100_000_000) })).toThrow(
      "the header takes 100000032 bytes, readers accept 100000000",
    );
  });

  it("is undone by the reader", async () => {
    const shape = fc.array(fc.nat({ max: 3 }), { maxLength: 3 });
    const values = fc.tuple(fc.constantFrom(...dtypes), shape, fc.infiniteStream(fc.nat({ max: 1 })));
    const tensors = values.map(([dtype, axes, bits]) => {
      const blank = tensorBytes(zeros(dtype, axes));
      return tensorFromBytes(
        dtype,
        axes,
        Uint8Array.from(blank, () => bits.next().value),
      );
    });
    const name = fc.string({ unit: "binary" }).filter((key) => key !== "__metadata__");
    const checkpoints = fc.tuple(fc.dictionary(name, tensors, { noNullPrototype: true }), fc.dictionary(name, name));
    await fc.assert(
      fc.asyncProperty(checkpoints, async ([written, metadata]) => {
        const bytes = join(encodeSafetensors(written, metadata));
        const checkpoint = await openSafetensors(bytesSource("any", bytes));
        expect(await readAll(checkpoint)).toEqual(written);
        expect(Object.entries(checkpoint.metadata).sort()).toEqual(Object.entries(metadata).sort());
      }),
      { numRuns: 100 },
    );
  });
});
