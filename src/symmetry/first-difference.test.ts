import { afterAll, describe, expect, it } from "vitest";
import { architectures, randomParameters } from "../../test/architectures/index.ts";
import { nativeEngine } from "../node/index.ts";
import { fold, rngKey, type Tensor } from "../tensor/index.ts";
import { firstDifference } from "./first-difference.ts";
import { act, discoverSymmetry, randomElement } from "./index.ts";
import { probeInputs } from "./probes.ts";

const engine = await nativeEngine({ threads: 1 });
afterAll(() => engine[Symbol.asyncDispose]());
const key = rngKey(37);

/** Every layer, not only the output, up to the order of summation. */
const tolerance = 1e-12;

describe.each(architectures.map(({ name, network }) => [name, network] as const))("layers of %s", (_, network) => {
  const a = randomParameters(network, fold(key, "parameters"));
  const element = randomElement(discoverSymmetry(network), fold(key, "element"));
  const b = act(discoverSymmetry(network), element, a);
  const [probe] = probeInputs(network, fold(key, "probe"), 2) as [Tensor];

  it("are all what the element makes of them", async () => {
    expect(await firstDifference(network, [a, b], { engine, probe, tolerance, element })).toBeNull();
  });

  it("have the units that they had, when nothing is known of the element", async () => {
    const unknown = { engine, probe, tolerance: 1e-7, element: undefined };
    expect(await firstDifference(network, [a, b], unknown)).toBeNull();
  });
});
