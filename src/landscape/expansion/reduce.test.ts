import { describe, expect, it } from "vitest";
import { layer, p, q, r, turned, type Unit } from "../../../test/expansion/units.ts";
import { relativeDifference, small } from "../../../test/symmetry/probe.ts";
import { referenceEngine } from "../../engine/index.ts";
import { conv, input } from "../../graph/index.ts";
import { type Activation, activationNames, type Model, mlp, type Network } from "../../nets/index.ts";
import { fold, fromNumbers, normal, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { hiddenLayer, type LayerReduction, reduce, reductionError, unitFunction } from "./index.ts";

const engine = referenceEngine();
const key = rngKey(11);
/** Sums of a few products in another order. */
const rounding = 1e-14;

/** Outputs on inputs of all sizes, by no other way than the network itself. */
async function outputsOf({ network, parameters }: Model): Promise<Tensor> {
  const x = normal(fold(key, "x"), [12, ...network.inputShape], { dtype: "float64", deviation: 2 });
  const values = network.parameters.map(({ name, shape }) => [name, input(name, "float64", shape)] as const);
  const { output } = network.apply(input(" x", "float64", x.shape), Object.fromEntries(values));
  await using program = await engine.compile({ output });
  return (await program.run({ ...parameters, " x": x })).output as Tensor;
}

async function reduced(model: Model, options = {}): Promise<LayerReduction & { error: number }> {
  const core = await reduce(model, { angle: 1e-6, size: 1e-9, ...options });
  const error = relativeDifference(await outputsOf(model), await outputsOf(core));
  return { ...(core.layers[0] as LayerReduction), error };
}

describe("reduce", () => {
  it.each(activationNames)("leaves alone what is irreducible with %s", async (activation) => {
    expect(await reduced(layer(activation, [p, q, r]))).toMatchObject({
      copies: [[0], [1], [2]],
      zeroGroups: [],
      opposite: [],
      error: 0,
    });
  });

  it.each(["tanh", "erf", "sin", "identity", "sign"] as const)(
    "merges w and -w with the odd %s",
    async (activation) => {
      const found = await reduced(layer(activation, [p, q, turned(p, [0.25, -4])]));
      expect(found.copies.map((units) => units.toSorted()).toSorted()).toEqual([[0, 2], [1]]);
      expect(found.error).toBeLessThan(rounding);
    },
  );

  it("merges w and -w with sigmoid, up to a constant in the next bias", async () => {
    const model = layer("sigmoid", [p, q, turned(p, [0.25, -4])]);
    const found = await reduced(model);
    expect(found.copies).toHaveLength(2);
    expect(found.error).toBeLessThan(rounding);
    const { parameters } = await reduce(model);
    const [a, b] = toNumbers(parameters["layers.1.bias"] as Tensor);
    expect([
      [0.75, -4.25],
      [1.5, 1.75],
    ]).toContainEqual([a, b]);
  });

  it("has nowhere to put the constant without biases", async () => {
    const found = await reduced(layer("sigmoid", [p, q, turned(p, [0.25, -4])], null));
    expect(found).toMatchObject({ copies: [[0], [1], [2]], error: 0 });
    expect(found.opposite).toHaveLength(1);
  });

  it.each(["softplus", "gelu", "silu", "relu", "leaky-relu"] as const)(
    "reports w and -w with %s, which leave a linear function",
    async (activation) => {
      const found = await reduced(layer(activation, [p, q, turned(p, [0.25, -4])]));
      expect(found.copies).toHaveLength(3);
      expect(found.opposite.map((pair) => pair.toSorted())).toEqual([[0, 2]]);
      expect(found.error).toBe(0);
    },
  );

  it("merges w and -w with softplus where the linear functions of several pairs cancel", async () => {
    const [[u, v], b] = p;
    const double: Unit = [[2 * u, 2 * v], 2 * b + 1, [3, 1]];
    const model = layer("softplus", [p, turned(p, [0.5, 0.75]), double, turned(double, [-0.25, -0.375]), r]);
    const found = await reduced(model);
    expect(found.copies.map((units) => units.toSorted()).toSorted()).toEqual([[0, 1], [2, 3], [4]]);
    expect(found.error).toBeLessThan(rounding);
  });

  it("finds copies of rectified units behind other scales", async () => {
    const [[u, v], b, [s, t]] = p;
    const found = await reduced(layer("relu", [p, q, [[3 * u, 3 * v], 3 * b, [s, t]]]));
    expect(found.copies.map((units) => units.toSorted()).toSorted()).toEqual([[0, 2], [1]]);
    expect(found.error).toBeLessThan(rounding);
  });

  it("does not take other lengths for other scales where there are none", async () => {
    const [[u, v], b] = p;
    expect((await reduced(layer("softplus", [p, [[3 * u, 3 * v], 3 * b, [1, 1]]]), { size: 0.5 })).copies).toHaveLength(
      2,
    );
  });

  it("drops what cancels, though no single unit is silent", async () => {
    const group: Unit[] = [
      [[0.1, 0.2], 0.3, [1, -2]],
      [[0.1, 0.2], 0.3, [-3, 1]],
      [[0.1, 0.2], 0.3, [2, 1]],
    ];
    const found = await reduced(layer("softplus", [p, ...group, q]));
    expect(found).toMatchObject({ copies: [[0], [4]], dropped: 0 });
    expect(found.zeroGroups.map((units) => units.toSorted())).toEqual([[1, 2, 3]]);
    expect(found.error).toBeLessThan(rounding);
  });

  it("puts units without incoming weights into the next biases", async () => {
    const flat: Unit[] = [
      [[0, 0], 0.7, [2, 3]],
      [[0, 0], -0.2, [1, -1]],
    ];
    for (const activation of ["softplus", "sigmoid", "exp", "g"] as const) {
      const found = await reduced(layer(activation, [flat[0] as Unit, p, flat[1] as Unit]));
      expect(found).toMatchObject({ copies: [[1]], constants: [0, 2] });
      expect(found.error).toBeLessThan(rounding);
    }
    const kept = await reduced(layer("sigmoid", [flat[0] as Unit, p, flat[1] as Unit], null));
    expect(kept.copies.map((units) => units.toSorted())).toEqual([[0, 2], [1]]);
    const odd = await reduced(layer("tanh", [flat[0] as Unit, p], null));
    expect(odd).toMatchObject({ copies: [[1]], constants: [0] });
  });

  it.each([0, 1])("minds the zeros that a convolution puts around a constant channel: %i", async (pads) => {
    const net = small([1, 4, 4], 2, (x, weight) => {
      const hidden = conv(x, weight("a", [3, 1, 1, 1]), { bias: weight("a.bias", [3]) }).relu();
      return conv(hidden, weight("b", [2, 3, 3, 3]), { pads, bias: weight("b.bias", [2]) }).mean([2, 3]);
    });
    const drawn = parametersOf(net);
    const parameters = {
      ...drawn,
      a: fromNumbers("float64", [1, 0, -2], [3, 1, 1, 1]),
      "a.bias": fromNumbers("float64", [0.5, 2, 0.25]),
    };
    const found = await reduced({ network: net, parameters });
    expect(found.constants).toEqual(pads === 0 ? [1] : []);
    expect(found.error).toBeLessThan(rounding);
  });

  it("leaves a layer one unit", async () => {
    const found = await reduced(
      layer("tanh", [
        [[1, 2], 0, [1, 1]],
        [[1, 2], 0, [-1, -1]],
      ]),
    );
    expect(found.copies).toHaveLength(1);
    expect(found.error).toBe(0);
    const silent = await reduced(
      layer("tanh", [
        [[0, 0], 1, [1, 1]],
        [[0, 0], 2, [1, 1]],
      ]),
    );
    expect(silent.copies).toHaveLength(1);
    expect(silent.error).toBeLessThan(rounding);
  });

  it("goes on until units that became equal by a reduction are merged too", async () => {
    const network = mlp({ input: 2, widths: [2, 2], outputs: 1, activation: "tanh" });
    const parameters = {
      "layers.0.weight": fromNumbers("float64", [1, 2, 1, 2], [2, 2]),
      "layers.0.bias": fromNumbers("float64", [0.1, 0.1]),
      "layers.1.weight": fromNumbers("float64", [0.5, 0.25, 2, -1.25], [2, 2]),
      "layers.1.bias": fromNumbers("float64", [0.3, 0.3]),
      "layers.2.weight": fromNumbers("float64", [1, 2], [1, 2]),
      "layers.2.bias": fromNumbers("float64", [0]),
    };
    const core = await reduce({ network, parameters });
    expect(core.network.description).toMatchObject({ widths: [1, 1] });
    expect(core.parameters["layers.2.weight"]?.data).toEqual(Float64Array.of(3));
  });

  it("merges within its thresholds, and says how far apart the units were", async () => {
    const [[u, v], b] = p;
    const near: Unit = [[u + 0.002, v], b, [1, 1]];
    const core = await reduce(layer("softplus", [p, q, near]));
    expect(core.layers[0]?.copies).toHaveLength(2);
    const angle =
      (Math.acos((u * (u + 0.002) + v * v + b * b) / (Math.hypot(u, v, b) * Math.hypot(u + 0.002, v, b))) * 180) /
      Math.PI;
    expect(reductionError(core).angle).toBeCloseTo(angle, 6);
    expect(reductionError(core).size).toBeCloseTo(1 - Math.hypot(u, v, b) / Math.hypot(u + 0.002, v, b), 10);
    expect((await reduce(layer("softplus", [p, q, near]), { angle: angle / 2 })).layers[0]?.copies).toHaveLength(3);
  });

  it("leaves alone units with weights that are no numbers", async () => {
    const lost: Unit[] = [
      [[Number.NaN, 0], 0.1, [1, 1]],
      [[Number.POSITIVE_INFINITY, 1], 0.1, [1, 1]],
    ];
    const { layers } = await reduce(layer("softplus", [p, ...lost, q, p]));
    expect(layers[0]).toMatchObject({ copies: [[0, 4], [1], [2], [3]], constants: [], zeroGroups: [] });
  });

  it("sees that a function is a line on a part of it only", async () => {
    const net = small([2], 1, (x, weight) => {
      const z = x.matmul(weight("in", [2, 3]));
      return z
        .relu()
        .sub(z.sub(6).relu())
        .matmul(weight("out", [3, 1]));
    });
    const given = {
      in: fromNumbers("float64", [1, -1, 3, 2, -2, 4], [2, 3]),
      out: fromNumbers("float64", [1, 0, 1], [3, 1]),
    };
    expect((await unitFunction(hiddenLayer(net, 0)))?.parity).toBeNull();
    expect((await reduce({ network: net, parameters: given })).layers[0]?.opposite).toEqual([]);
  });

  it("names what it leaves alone", async () => {
    const net = small([3], 2, (x, weight) => {
      const stream = x.matmul(weight("in", [3, 4]));
      return stream
        .add(
          stream
            .matmul(weight("up", [4, 5]))
            .tanh()
            .matmul(weight("down", [5, 4])),
        )
        .matmul(weight("out", [4, 2]));
    });
    const { layers, others } = await reduce({ network: net, parameters: parametersOf(net) });
    expect(layers.map(({ name }) => name)).toEqual(["up"]);
    expect(others).toMatchObject([{ name: "in", reason: { code: "tied-units" } }]);
  });
});

function parametersOf(network: Network) {
  return Object.fromEntries(
    network.parameters.map(({ name, shape }) => [name, normal(fold(key, name), shape, { dtype: "float64" })]),
  );
}

describe("unitFunction", () => {
  it("knows f(z) - s f(-z) of every activation", async () => {
    const parity = async (activation: Activation) =>
      (await unitFunction(hiddenLayer(layer(activation, [p, q]).network, 0)))?.parity;
    const odd = { sign: -1, slope: 0, constant: 0 };
    const line = { sign: 1, slope: 1, constant: expect.closeTo(0) };
    for (const each of ["tanh", "erf", "sin", "identity", "sign"] as const) expect(await parity(each)).toEqual(odd);
    for (const each of ["relu", "softplus", "gelu", "silu"] as const) expect(await parity(each)).toEqual(line);
    expect(await parity("leaky-relu")).toEqual({ ...line, slope: expect.closeTo(1.01, 12) });
    expect(await parity("sigmoid")).toEqual({ ...odd, constant: 1 });
    expect([await parity("exp"), await parity("g")]).toEqual([null, null]);
  });
});
