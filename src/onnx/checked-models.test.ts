import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodedModels } from "../../test/golden/onnx/encoded-models.ts";
import { opset } from "./index.ts";

interface Checked {
  readonly name: string;
  readonly opset: Readonly<Record<string, number>>;
  readonly sha256: string;
  readonly ok: boolean;
}

const file = new URL("../../test/golden/onnx/encoded.json", import.meta.url);
const checked = new Map((JSON.parse(readFileSync(file, "utf8")) as Checked[]).map((each) => [each.name, each]));

const advice =
  "the encoder writes a model that the official checker has not seen; run the two commands at the top of test/golden/onnx/check.py and commit encoded.json";

describe("the official ONNX checker", () => {
  test.each(Object.entries(encodedModels))("has accepted the model that is encoded today: %s", (name, encode) => {
    const sha256 = createHash("sha256").update(encode()).digest("hex");
    expect(checked.get(name), advice).toMatchObject({ opset: { "": opset }, sha256, ok: true });
  });
});
