import { describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../test/architectures/index.ts";
import type { Parameters } from "../nets/index.ts";
import { convert, fold, fromNumbers, normal, rngKey, toNumbers } from "../tensor/index.ts";
import { act } from "./act.ts";
import { discoverSymmetry } from "./discover.ts";
import { randomElement } from "./element.ts";
import { orbitHash } from "./hash.ts";

const key = rngKey(5);

/** Every weight changed by a random part of itself. */
function disturbed(parameters: Parameters, part: number): Parameters {
  return Object.fromEntries(
    Object.entries(parameters).map(([name, tensor]) => {
      const { data } = normal(fold(key, "noise", name), tensor.shape, { dtype: "float64" });
      const numbers = [...toNumbers(tensor)].map((x, i) => x * (1 + part * (data[i] as number)));
      return [name, fromNumbers(tensor.dtype, numbers, tensor.shape)];
    }),
  );
}

describe.each(architectures.map(({ name, network }) => [name, network] as const))("the hash of %s", (_, network) => {
  const group = discoverSymmetry(network);
  const parameters = randomParameters(network, key);

  it("is the same for every member of the orbit", async () => {
    const { hash } = await orbitHash(group, parameters);
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    for (const seed of [1, 2]) {
      const member = act(group, randomElement(group, rngKey(seed)), parameters);
      expect((await orbitHash(group, member)).hash).toBe(hash);
    }
  });

  it("is the same in single precision unless its margin warns", async () => {
    const single = Object.fromEntries(Object.entries(parameters).map(([name, x]) => [name, convert(x, "float32")]));
    const { hash, margin } = await orbitHash(group, single);
    const member = act(group, randomElement(group, rngKey(3)), single);
    if (margin > 1) expect((await orbitHash(group, member)).hash).toBe(hash);
    if (margin > 1) expect((await orbitHash(group, parameters)).hash).toBe(hash);
  });

  it("differs between networks, also where all weights differ by a hundredth only", async () => {
    const { hash } = await orbitHash(group, parameters);
    expect((await orbitHash(group, randomParameters(network, rngKey(6)))).hash).not.toBe(hash);
    expect((await orbitHash(group, disturbed(parameters, 0.01))).hash).not.toBe(hash);
  });
});
