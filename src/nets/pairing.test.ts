import { describe, expect, it } from "vitest";
import { defineNetwork, linear, mlp, pair, type StoredTensors } from "./index.ts";

const network = mlp({ input: 3, widths: [4], outputs: 2 });
const shapes = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, shape]));

function stored(tensors: Readonly<Record<string, readonly number[]>>): StoredTensors {
  return new Map(Object.entries(tensors).map(([name, shape]) => [name, { shape }]));
}

function renamed(rename: (name: string) => string): StoredTensors {
  return stored(Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [rename(name), shape])));
}

describe("pair", () => {
  it.each(["", "module.", "_orig_mod.", "module._orig_mod.", "model.", "state_dict.model.net."])(
    "finds parameters behind the wrapper %j",
    (wrapper) => {
      const { names, extra } = pair(
        network,
        renamed((name) => wrapper + name),
        "file",
      );
      expect([...names]).toEqual(Object.keys(shapes).map((name) => [name, wrapper + name]));
      expect(extra).toEqual([]);
    },
  );

  it("finds parameters of parts that were compiled alone", () => {
    const entries = renamed((name) => name.replace("layers.1.", "layers.1._orig_mod."));
    expect(pair(network, entries, "file").names.get("layers.1.bias")).toBe("layers.1._orig_mod.bias");
  });

  it("keeps apart parameters that differ in their wrappers alone", () => {
    const twins = defineNetwork({
      description: { net: "twins" },
      inputShape: [2],
      inputKind: "real",
      outputs: 2,
      forward: (x, scope) =>
        linear(scope.within("net"), linear(scope.within("model"), x, { outputs: 2 }), { outputs: 2 }),
    });
    const own = stored(Object.fromEntries(twins.parameters.map(({ name, shape }) => [name, shape])));
    expect([...pair(twins, own, "file").names].every(([name, stored]) => name === stored)).toBe(true);
    expect(() => pair(twins, stored({ "module.weight": [2, 2], "module.bias": [2] }), "file")).toThrow(
      'file: expected the 4 tensors of twins, got 0 of them; missing "model.weight", "model.bias", "net.weight" and 1 more;',
    );
  });

  it("returns tensors that the network has no use for, without what frameworks count", () => {
    const entries = stored({ ...shapes, "layers.0.num_batches_tracked": [], epoch: [] });
    expect(pair(network, entries, "file").extra).toEqual(["epoch"]);
  });

  it("says in one line all that is wrong", () => {
    const { "layers.0.bias": _, ...others } = shapes;
    const entries = stored({ ...others, "layers.0.weight": [3, 4], "layers.1.weight": [2, 5], "layers.0.b": [4] });
    expect(() => pair(network, entries, "file")).toThrow(
      expect.objectContaining({
        name: "InputError",
        code: "bad-parameters",
        message:
          'file: expected the 4 tensors of mlp, got 1 of them; missing "layers.0.bias"; unknown "layers.0.b"; ' +
          '"layers.0.weight" is stored [3, 4], the graph wants [4, 3]: transposed; ' +
          '"layers.1.weight" is stored [2, 5], the graph wants [2, 4]; name the network that the weights are for',
      }),
    );
  });

  it("names the first of many differences", () => {
    const deep = mlp({ input: 2, widths: [3, 3, 3, 3], outputs: 2 });
    const entries = stored(Object.fromEntries(deep.parameters.map(({ name }) => [name, [7]])));
    expect(() => pair(deep, entries, "file")).toThrow(
      '"layers.1.weight" is stored [7], the graph wants [3, 3]; 7 more of',
    );
  });
});
