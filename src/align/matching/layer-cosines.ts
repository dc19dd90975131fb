import type { Parameters } from "../../nets/index.ts";
import {
  actOnTensor,
  type GroupElement,
  type Layout,
  randomElement,
  type SymmetryGroup,
} from "../../symmetry/index.ts";
import { fold, type RngKey, type Tensor } from "../../tensor/index.ts";
import { dot, entriesOf } from "./match.ts";

/** What a cosine comes to between networks whose units are numbered apart. */
export interface Chance {
  readonly mean: number;
  readonly deviation: number;
}

/** How alike two networks are in their weights, as stored and as matched. */
export interface WeightCosines {
  readonly cosine: number;
  readonly matchedCosine: number;
  /** Over random renumberings of the second, among which that of an independent network is but one more. */
  readonly chance: Chance;
}

/** The same for one tensor. */
export interface LayerCosines extends WeightCosines {
  readonly tensor: string;
}

/** Enough to know a deviation to a sixth of itself. */
const DRAWS = 16;

interface Compared {
  readonly a: Parameters;
  readonly b: Parameters;
  /** The second as matched to the first. */
  readonly matched: Parameters;
}

/** The cosines of each tensor of weights, and of all of them; biases and other vectors are left out. */
export function layerCosines(
  { a, b, matched }: Compared,
  group: SymmetryGroup,
  key: RngKey,
): { readonly layers: readonly LayerCosines[]; readonly whole: WeightCosines } {
  const elements = Array.from({ length: DRAWS }, (_, i) => randomElement(group, fold(key, "chance", i), { spread: 1 }));
  const products = Object.entries(group.layouts)
    .filter(([, { shape }]) => shape.length > 1)
    .map(([tensor, layout]): Products => {
      const [x, y, z] = [a[tensor], b[tensor], matched[tensor]] as [Tensor, Tensor, Tensor];
      return { tensor, ...productsOf([x, y, z], layout, elements) };
    });
  return {
    layers: products.map((each) => ({ tensor: each.tensor, ...cosinesOf([each]) })),
    whole: cosinesOf(products),
  };
}

interface Products {
  readonly tensor: string;
  readonly first: number;
  readonly second: number;
  readonly stored: number;
  readonly matched: number;
  readonly drawn: readonly number[];
}

function productsOf(
  [a, b, c]: readonly [Tensor, Tensor, Tensor],
  layout: Layout,
  elements: readonly GroupElement[],
): Omit<Products, "tensor"> {
  const [x, y] = [entriesOf(a), entriesOf(b)];
  return {
    first: dot(x, x),
    second: dot(y, y),
    stored: dot(x, y),
    matched: dot(x, entriesOf(c)),
    drawn: elements.map((element) => dot(x, entriesOf(actOnTensor(layout, element, b)))),
  };
}

function cosinesOf(products: readonly Products[]): WeightCosines {
  const sum = (of: (each: Products) => number) => products.reduce((total, each) => total + of(each), 0);
  const norm = Math.sqrt(sum(({ first }) => first) * sum(({ second }) => second)) || 1;
  const drawn = Array.from({ length: DRAWS }, (_, i) => sum((each) => each.drawn[i] as number) / norm);
  const mean = drawn.reduce((total, each) => total + each, 0) / DRAWS;
  const variance = drawn.reduce((total, each) => total + (each - mean) ** 2, 0) / (DRAWS - 1);
  return {
    cosine: sum(({ stored }) => stored) / norm,
    matchedCosine: sum(({ matched }) => matched) / norm,
    chance: { mean, deviation: Math.sqrt(variance) },
  };
}
