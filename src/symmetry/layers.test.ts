import { expect, it } from "vitest";
import { input } from "../graph/index.ts";
import { layersOf } from "./layers.ts";

it("names every value that reads parameters after them, however they were reshaped, and the output", () => {
  const x = input("x", "float64", [2, 3]);
  const [w, b] = [input("w", "float64", [4, 3]), input("b", "float64", [4])];
  const [u, v] = [input("u", "float64", [4]), input("v", "float64", [4])];
  const product = x.matmul(w.transpose());
  const shifted = product.add(b);
  const scaled = shifted.relu().mul(u.exp().add(v));
  const output = scaled.tanh();
  const layers = layersOf([output], new Set(["w", "b", "u", "v"]));
  expect(layers.map(({ name }) => name)).toEqual(["w", "b", "u, v", "output"]);
  expect(layers.map(({ value }) => value)).toEqual([product, shifted, scaled, output]);
});
