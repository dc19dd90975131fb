import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { input } from "../graph/index.ts";
import { encodeModel, graphToModel, type TensorProto } from "../onnx/index.ts";
import { tensorBytes } from "../tensor/index.ts";
import { openModel } from "./model-file.ts";

const folder = await mkdtemp(join(tmpdir(), "orbifold-model-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A linear layer whose weights [rows, 3] lie in a file beside the model. */
async function writeModel(rows: number): Promise<string> {
  const [x, w] = [input("x", "float32", [2, rows]), input("w", "float32", [rows, 3])];
  const model = graphToModel({ y: x.matmul(w) });
  const weights: TensorProto = {
    name: "w",
    dims: [rows, 3],
    dataType: 1,
    dataLocation: 1,
    externalData: [{ key: "location", value: "weights.bin" }],
  };
  const inputs = model.graph?.input?.filter(({ name }) => name !== "w") ?? [];
  const path = join(folder, `model${rows}.onnx`);
  await writeFile(path, encodeModel({ ...model, graph: { ...model.graph, input: inputs, initializer: [weights] } }));
  return path;
}

describe("a model with its weights in another file", () => {
  it("reads them from its own folder", async () => {
    const bytes = new Uint8Array(Float32Array.from({ length: 12 }, (_, i) => i).buffer);
    await writeFile(join(folder, "weights.bin"), bytes);
    const { parameters } = await openModel(await writeModel(4));
    expect(parameters.w && tensorBytes(parameters.w)).toEqual(bytes);
  });

  it("is refused in one line, without the memory, where it claims more than the file holds", async () => {
    await writeFile(join(folder, "weights.bin"), new Uint8Array(48));
    const path = await writeModel(2 ** 40);
    await expect(openModel(path)).rejects.toThrow(/^[^\n]*expected[^\n]*13194139533312[^\n]*got 48[^\n]*$/);
  });
});
