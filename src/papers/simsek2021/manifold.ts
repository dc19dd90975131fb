import { subspaceDimension } from "../../counting/index.ts";
import {
  compositionOf,
  compositions,
  compositionText,
  expand,
  parseComposition,
  rolesOf,
} from "../../landscape/index.ts";
import { initializeParameters, type Model, mlp } from "../../nets/index.ts";
import { outputDeviations } from "../../symmetry/index.ts";
import { fold, rngKey } from "../../tensor/index.ts";
import { flatten, layoutOf, symmetricEigenvalues } from "../../train/index.ts";
import { judged } from "../claims.ts";
import type { Lab, Study } from "../paper.ts";

/** A minimal network and one of the compositions of a wider one. */
type Place = {
  readonly inputs: number;
  readonly outputs: number;
  readonly minimal: number;
  readonly width: number;
  readonly composition: string;
};

interface Spanned {
  /** Of the smallest affine space through random points of the subspace. */
  readonly dimension: number;
  readonly predicted: number;
  /** Of the outputs at these points, relative to the largest. */
  readonly deviation: number;
}

const networks = [
  { inputs: 2, outputs: 1, minimal: 4, width: 6 },
  { inputs: 2, outputs: 3, minimal: 2, width: 4 },
  { inputs: 3, outputs: 2, minimal: 2, width: 5 },
] as const;

const rounding = 1e-12;

/** Goes to random points of every kind of subspace and measures how many dimensions they span. */
export const manifold: Study<Place, Spanned> = {
  name: "manifold",
  tasks: () =>
    networks.flatMap((network) =>
      [...compositions(network.minimal, network.width)].map((each) => ({
        ...network,
        composition: compositionText(each),
      })),
    ),
  run: spanned,
  conclude: ({ outcomes }) => {
    const right = outcomes.filter(({ result }) => result.dimension === result.predicted).length;
    const isLarge = outcomes.every(
      ({ task: { inputs, outputs, minimal, width }, result }) =>
        result.dimension >= Math.min(inputs, outputs) * (width - minimal),
    );
    const deviation = Math.max(...outcomes.map(({ result }) => result.deviation));
    return {
      claims: [
        judged(
          {
            id: "dimension",
            claim: `A subspace with j zero-type groups has the dimension (m - r - j) d_out + j d_in, at least min(d_in, d_out) (m - r). Tried on ${outcomes.length} compositions of three networks with g`,
            published: `all ${outcomes.length}`,
            method: "dimension of the affine hull of random points",
          },
          `${right} of ${outcomes.length}`,
          right === outcomes.length && isLarge,
        ),
        judged(
          {
            id: "constant-function",
            claim:
              "All networks on the expansion manifold compute the same function; largest difference of outputs, relative to the largest output",
            published: 0,
            method: `pass below ${rounding}, which is rounding`,
          },
          deviation,
          deviation < rounding,
        ),
      ],
      figures: [],
    };
  },
};

async function spanned({ inputs, outputs, minimal, width, composition }: Place, { engine }: Lab): Promise<Spanned> {
  const network = mlp({ input: inputs, widths: [minimal], outputs, activation: "g", bias: false });
  const core: Model = { network, parameters: initializeParameters(network, rngKey(1), "float64") };
  const roles = rolesOf(parseComposition(composition));
  const zeroGroups = compositionOf(roles, minimal).zeroGroups.length;
  const predicted = subspaceDimension({ minimal, width, zeroGroups, inputs, outputs });
  const points = Array.from({ length: predicted + 3 }, (_, i) =>
    expand(core, [{ layer: 0, roles, split: "random" }], { key: fold(rngKey(2), "point", i) }),
  );
  const [first, ...others] = points as [Model, ...Model[]];
  const deviations = await outputDeviations(
    first,
    others.map(({ parameters }) => parameters),
    { engine, key: rngKey(3) },
  );
  const layout = layoutOf(first.network);
  const vectors = points.map(({ parameters }) => flatten(layout, parameters));
  return { dimension: affineDimension(vectors), predicted, deviation: Math.max(...deviations) };
}

/** The rank of the differences from the first point, from the eigenvalues of their products. */
function affineDimension([origin, ...others]: readonly Float64Array[]): number {
  const differences = others.map((point) => point.map((x, i) => x - (origin?.[i] as number)));
  const size = differences.length;
  const products = Float64Array.from({ length: size * size }, (_, at) => {
    const [a, b] = [differences[Math.floor(at / size)], differences[at % size]] as [Float64Array, Float64Array];
    return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
  });
  const values = symmetricEigenvalues(products, size);
  return values.filter((value) => value > rounding * (values.at(-1) as number)).length;
}
