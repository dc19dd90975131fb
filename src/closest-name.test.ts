import { describe, expect, test } from "vitest";
import { closestName } from "./closest-name.ts";

const names = ["digits", "mnist", "fashion-mnist", "cifar10", "toy"];

describe("closestName", () => {
  test.each([
    ["digit", "digits"],
    ["MNIST", "mnist"],
    ["minst", "mnist"],
    ["mnits", "mnist"],
    ["mnit", "mnist"],
    ["fashion", "fashion-mnist"],
    ["fashionmnist", "fashion-mnist"],
    ["cifar-10", "cifar10"],
    ["tony", "toy"],
    ["imagenet", null],
    ["", null],
  ])("takes %j to mean %j", (typed, meant) => {
    expect(closestName(typed, names)).toBe(meant);
  });
});
