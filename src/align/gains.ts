import type { Engine, Program } from "../engine/index.ts";
import { input } from "../graph/index.ts";
import type { Parameters } from "../nets/index.ts";
import {
  actOnTensor,
  type Block,
  type Factor,
  type GroupElement,
  type Layout,
  type Run,
  runsOf,
  type SymmetryGroup,
  type Unfolding,
  unfold,
  unfoldingOf,
} from "../symmetry/index.ts";
import { convert, type Tensor } from "../tensor/index.ts";

/** One place of a factor's units in a parameter. */
export interface SiteRun {
  readonly tensor: string;
  readonly layout: Layout;
  readonly run: Run;
  readonly unfolding: Unfolding;
  /** The layout with these units left in their places and unflipped, whatever an element does to all others. */
  readonly others: Layout;
  /** Sign generators that flip the entries along this run. */
  readonly signs: readonly number[];
}

/** Every place of every factor's units. */
export function siteRuns(group: SymmetryGroup): SiteRun[][] {
  const sites: SiteRun[][] = group.factors.map(() => []);
  for (const [tensor, layout] of Object.entries(group.layouts)) {
    for (const run of layout.axes.flatMap(runsOf)) {
      if (run.factor === null) continue;
      const signs = run.powers
        .filter(({ generator, exponent }) => group.generators[generator]?.kind === "sign" && exponent % 2 !== 0)
        .map(({ generator }) => generator);
      const others = {
        ...layout,
        axes: layout.axes.map((blocks) => blocks.map((block) => without(block, run, signs))),
      };
      sites[run.factor]?.push({ tensor, layout, run, unfolding: unfoldingOf(layout, run), others, signs });
    }
  }
  return sites;
}

function without(block: Block, run: Run, signs: readonly number[]): Block {
  if ("sum" in block) return { ...block, sum: block.sum.map((part) => part.map((each) => without(each, run, signs))) };
  if (block !== run) return block;
  return { ...block, factor: null, powers: block.powers.filter(({ generator }) => !signs.includes(generator)) };
}

/** Products of unfolded tensors, each compiled once for its sizes. */
export interface GramEngine extends AsyncDisposable {
  /** For each copy the matrix of inner products of the rows of `a` and `b`, [copies, units, units]. */
  gram(a: Tensor, b: Tensor): Promise<Tensor>;
}

/** Computes inner products on an engine. */
export function gramEngine(engine: Engine): GramEngine {
  const programs = new Map<string, Promise<Program>>();
  return {
    async gram(a, b) {
      const key = `${a.dtype} ${a.shape}`;
      const program = programs.get(key) ?? compileGram(engine, a);
      programs.set(key, program);
      const { product } = await (await program).run({ a, b });
      return product as Tensor;
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}

function compileGram(engine: Engine, { dtype, shape }: Tensor): Promise<Program> {
  const [a, b] = [input("a", dtype, shape), input("b", dtype, shape)];
  return engine.compile({ product: a.matmul(b.transpose([0, 2, 1])) });
}

/** What is known of a pair of parameter sets while the second is matched to the first. */
export interface Matching {
  readonly group: SymmetryGroup;
  readonly a: Parameters;
  readonly b: Parameters;
  readonly sites: readonly (readonly SiteRun[])[];
  readonly grams: GramEngine;
  /** Unfoldings of `a` by site, which no step changes. */
  readonly unfolded: WeakMap<SiteRun, Tensor>;
}

function unfoldedOnce({ a, unfolded }: Matching, site: SiteRun): Tensor {
  const known = unfolded.get(site) ?? unfold(site.unfolding, inFloats(a[site.tensor] as Tensor));
  unfolded.set(site, known);
  return known;
}

/**
 * Gains of one factor: entry (copy, i, j) is what putting unit j of b in the place of unit i contributes, in the sites that
 * the same signs flip.
 */
export interface Gains {
  readonly signs: readonly number[];
  readonly values: Float64Array;
}

/** The gains of a factor where everything else of b is moved by `element`, and its own units are not. */
export async function gainsOf(matching: Matching, factor: number, element: GroupElement): Promise<Gains[]> {
  const { group, b, sites, grams } = matching;
  const { copies, size } = group.factors[factor] as Factor;
  const bySigns = new Map<string, Gains>();
  for (const site of sites[factor] ?? []) {
    const { others, unfolding, signs } = site;
    const moved = actOnTensor(others, element, inFloats(b[site.tensor] as Tensor));
    const product = await grams.gram(unfoldedOnce(matching, site), unfold(unfolding, moved));
    const known = bySigns.get(signs.join());
    const { values } = known ?? { values: new Float64Array(copies * size * size) };
    bySigns.set(signs.join(), { signs, values });
    const data = product.data as Float64Array;
    for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) + (data[i] as number);
  }
  return [...bySigns.values()];
}

/** A tensor in the type that is computed in. */
export function inFloats(tensor: Tensor): Tensor {
  return tensor.dtype === "float64" ? tensor : convert(tensor, "float32");
}
