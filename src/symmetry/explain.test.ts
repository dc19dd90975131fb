import { describe, expect, it } from "vitest";
import { type Architecture, architectures } from "../../test/architectures/index.ts";
import { apply, conv, input, type Value } from "../graph/index.ts";
import { chainText } from "./chain-text.ts";
import { type Discovery, discoverGraph, discoverNetwork } from "./discover.ts";
import { type Explanation, explain, type FreePart, type Link, type PinnedPart } from "./explain.ts";
import { axisLeaves, type Leaf } from "./leaves.ts";
import { axisOf } from "./trace.ts";

function find(name: string): Discovery {
  return discoverNetwork((architectures.find((each) => each.name === name) as Architecture).network);
}

const x = input("x", "float64", [2, 3, 8, 8]);
const weights = (name: string, shape: readonly number[]) => input(name, "float64", shape);

function pinnedText([part]: readonly Explanation[]): string {
  const { why, chain } = part as PinnedPart;
  return `${chainText(chain)} | ${why}`;
}

function tieText([part]: readonly Explanation[], tensor: string): string {
  const site = (part as FreePart).sites.find((each) => each.tensor === tensor);
  return chainText(site?.chain as Link[]);
}

/** Convolution, batch norm, ReLU and a second convolution whose channels are averaged. */
function convolutional(): Discovery {
  const names = ["gamma", "beta", "mean", "variance"];
  const parameters = names.map((name) => weights(name, [4]));
  const first = conv(x, weights("first", [4, 3, 3, 3]), { pads: 1 });
  const hidden = apply("BatchNormalization", [first, ...parameters], { epsilon: 1e-5 }).relu();
  const output = conv(hidden, weights("second", [5, 4, 1, 1])).mean([2, 3]);
  return discoverGraph([output], ["first", ...names, "second"]);
}

describe("chains in words", () => {
  it("tie the channels of a convolution with the batch norm behind it", () => {
    const [part] = explain(convolutional(), "first", 0);
    expect(part).toMatchObject({ kind: "free", factor: "first", part: "", size: 4 });
    expect(tieText([part as Explanation], "variance")).toBe(
      "first:0 --Conv makes the channels of its result--> Conv with first [2, 4, 8, 8]:1 " +
        "--BatchNormalization divides by the running deviation along--> variance:0",
    );
    expect(tieText([part as Explanation], "second")).toBe(
      "first:0 --Conv makes the channels of its result--> Conv with first [2, 4, 8, 8]:1 " +
        "--BatchNormalization normalises each channel of--> BatchNormalization with gamma [2, 4, 8, 8]:1 " +
        "--Relu acts on each entry of--> Relu after gamma [2, 4, 8, 8]:1 --Conv sums over--> second:1",
    );
  });

  it("tie a kernel back to the weights in front of it", () => {
    expect(tieText(explain(convolutional(), "second", 1), "first")).toMatch(
      / --Conv has from it the channels of its result--> first:0$/,
    );
  });

  it("lead to the input, the output and the window that fix an order", () => {
    const discovery = convolutional();
    expect(pinnedText(explain(discovery, "first", 1))).toBe(
      "first:1 --Conv sums over--> input x [2, 3, 8, 8]:1 | an input of the network",
    );
    expect(pinnedText(explain(discovery, "second", 0))).toBe(
      "second:0 --Conv makes the channels of its result--> Conv with second [2, 5, 8, 8]:1 " +
        "--ReduceMean averages over another axis of--> ReduceMean after second [2, 5]:1 | an output of the network",
    );
    expect(pinnedText(explain(discovery, "first", 2))).toBe(" | Conv slides a window along it");
  });

  it("name the operator and the node that nothing is known about", () => {
    const w = weights("w", [8, 4]);
    const attributes = { name: "Mystery", domain: "", node: "m1", output: "y", reason: "", dtype: "float64" } as const;
    const made = apply("Opaque", [weights("v", [2, 8]).matmul(w).relu()], { ...attributes, shape: [2, 3] });
    expect(pinnedText(explain(discoverGraph([made], ["w"]), "w", 1))).toBe(
      "w:1 --MatMul makes the columns of its result--> MatMul with w [2, 4]:1 --Relu acts on each entry of--> " +
        'Relu after w [2, 4]:1 | Mystery at node "m1" is not known to respect any order of its axes',
    );
  });

  it("name the place where blocks do not fit", () => {
    const hidden = weights("v", [2, 5]).matmul(weights("w", [5, 12]));
    const output = hidden
      .reshape([2, 3, 4])
      .sum(2)
      .reshape([2, 3])
      .sum(1)
      .add(hidden.reshape([2, 4, 3]).sum(2).sum(1));
    const text = pinnedText(explain(discoverGraph([output], ["w"]), "w", 1));
    expect(text).toMatch(/\| blocks that do not fit each other at Reshape after w \[2, 4, 3\]$/);
  });

  it("say which part of an axis they are about", () => {
    const parts = explain(find("gpt2"), "h.0.attn.c_attn.weight", 1).map(({ part }) => part);
    expect(parts).toEqual(
      [1, 2, 3].flatMap((i) => [`part ${i} of 3, blocks of 4`, `part ${i} of 3, unit inside each of 2 blocks`]),
    );
    const flat = explain(find("conv-flatten-dense"), "fc1.weight", 1);
    expect(flat.map(({ kind, part }) => [kind, part])).toEqual([
      ["free", "blocks of 9"],
      ["pinned", "blocks of 3 inside each of 4 blocks"],
      ["pinned", "unit inside each of 12 blocks"],
    ]);
  });

  it("are refused for what is not an axis of a parameter", () => {
    expect(() => explain(convolutional(), "third", 0)).toThrow(/third: expected a parameter/);
    expect(() => explain(convolutional(), "gamma", 1)).toThrow(/gamma: expected an axis of \[4\], got 1/);
  });
});

describe.each(architectures.map(({ name }) => [name] as const))("%s", (name) => {
  const discovery = find(name);
  const { leaves, parameters } = discovery;
  const starts = [...parameters].flatMap(([tensor, { shape }]) => shape.map((_, axis) => ({ tensor, axis })));
  const leavesAt = (tensor: string, axis: number) =>
    axisLeaves(leaves, axisOf(leaves.trace, parameters.get(tensor) as Value, axis));

  it("has connected chains to every site of every factor, and to what pins the rest", () => {
    for (const { tensor, axis } of starts) {
      const explanations = explain(discovery, tensor, axis);
      expect(explanations).toHaveLength(leavesAt(tensor, axis).length);
      for (const each of explanations) {
        const chains = each.kind === "free" ? each.sites.map(({ chain }) => chain) : [each.chain];
        expect(chains.every(isConnected)).toBe(true);
        if (each.kind === "pinned") continue;
        const factor = discovery.group.factors.find((other) => other.name === each.factor);
        expect(each.sites).toHaveLength((factor?.sites.length as number) - 1);
        for (const site of each.sites) {
          const part = site.part === "" ? "" : ` (${site.part})`;
          expect(site.chain.at(-1)?.to).toBe(`${site.tensor}:${site.axis}${part}`);
          expect(site.chain[0]?.from.startsWith(`${tensor}:${axis}`)).toBe(true);
        }
      }
    }
  });

  it("has no shorter chains", () => {
    const [tensor, axis] = [
      discovery.group.factors[0]?.sites[0]?.tensor as string,
      discovery.group.factors[0]?.sites[0]?.axis as number,
    ];
    const [start] = leavesAt(tensor, axis) as [Leaf];
    const distances = relaxed(discovery, start);
    const factor = discovery.group.factors.find(({ sites }) =>
      sites.some((site) => site.tensor === tensor && site.axis === axis && site.leaf === 0),
    );
    const others = factor?.sites.filter((site) => leavesAt(site.tensor, site.axis)[site.leaf] !== start) ?? [];
    const [first] = explain(discovery, tensor, axis);
    const lengths = (first as FreePart).sites.map(({ chain }) => chain.length);
    expect(lengths).toEqual(others.map((site) => distances.get(leavesAt(site.tensor, site.axis)[site.leaf] as Leaf)));
  });
});

function isConnected(chain: readonly Link[]): boolean {
  return chain.every(({ from }, i) => i === 0 || from === chain[i - 1]?.to);
}

/** Distances by relaxing every operator again and again until nothing changes. */
function relaxed({ leaves }: Discovery, start: Leaf): Map<Leaf, number> {
  const distances = new Map<Leaf, number>([[start, 0]]);
  for (let changed = true; changed; ) {
    changed = false;
    for (const component of leaves.steps.flatMap(({ relation }) => relation.components)) {
      const members = [...component.operands.map(({ leaf }) => leaf), ...component.results];
      const nearest = Math.min(...members.map((leaf) => distances.get(leaf) ?? Number.POSITIVE_INFINITY));
      for (const leaf of members) {
        if (nearest + 1 >= (distances.get(leaf) ?? Number.POSITIVE_INFINITY)) continue;
        distances.set(leaf, nearest + 1);
        changed = true;
      }
    }
  }
  return distances;
}

describe("chains as text", () => {
  const link = (operator: string, i: number): Link => ({ from: `v${i}`, operator, how: "does it to", to: `v${i + 1}` });
  const chain = ["Conv", "Add", "Relu", "Add", "MatMul", "Concat", "Slice", "Conv"].map(link);

  it("are whole where there is room", () => {
    expect(chainText(chain.slice(0, 2))).toBe("v0 --Conv does it to--> v1 --Add does it to--> v2");
    expect(chainText([])).toBe("");
  });

  it("make one arrow of a run of pointwise operators before they leave out the middle", () => {
    const text = chainText(chain, { width: 180 });
    expect(text).toContain("v0 --Conv does it to--> v1 --3 times Add, Relu--> v4 --MatMul does it to--> v5");
    const narrow = chainText(chain, { width: 90 });
    expect(narrow).toBe("v0 --Conv does it to--> v1 --6 more operators--> v7 --Conv does it to--> v8");
    expect(chainText(chain, { width: 10 })).toBe(narrow);
  });

  it("stay within their width through a long residual stream", () => {
    let stream = weights("tokens", [2, 6]).matmul(weights("embedding", [6, 4]));
    const names = Array.from({ length: 60 }, (_, i) => `block.${i}`);
    for (const name of names) stream = stream.add(stream.relu().mul(weights(name, [4])));
    const discovery = discoverGraph([stream.sum(1)], ["embedding", ...names]);
    const [part] = explain(discovery, "embedding", 1) as [FreePart];
    const last = part.sites.find(({ tensor }) => tensor === "block.59")?.chain as Link[];
    expect(last.length).toBeGreaterThan(59);
    expect(chainText(last).length).toBeGreaterThan(1000);
    expect(chainText(last, { width: 200 }).length).toBeLessThan(200);
  });
});
