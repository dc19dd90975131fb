import { fileURLToPath } from "node:url";

/** The file of this name in this folder. */
export function roundTripFile(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

const checkpoints: Readonly<Record<string, readonly string[]>> = {
  resnet18: [roundTripFile("resnet18.pt"), "--input", "3,64,64"],
  gpt2: [roundTripFile("gpt2.pt"), "--heads", "2"],
  "block-tracing": [roundTripFile("block.pt"), "--graph", roundTripFile("block-tracing.onnx")],
  "block-dynamo": [roundTripFile("block.pt"), "--graph", roundTripFile("block-dynamo.onnx")],
};

/** The commands whose files PyTorch has read back, without their -o, by the names of the files. */
export const written: Readonly<Record<string, readonly string[]>> = Object.fromEntries(
  Object.entries(checkpoints).flatMap(([name, words]) => [
    [`${name}-canonical.safetensors`, ["canonicalize", ...words]],
    [`${name}-orbit.safetensors`, ["orbit", ...words, "--seed", "1"]],
  ]),
);
