import { factorial } from "../../counting/index.ts";
import { teacherStudent } from "../../data/index.ts";
import { expand, linearPath, plateauWalk } from "../../landscape/index.ts";
import type { Parameters } from "../../nets/index.ts";
import { rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { type CriticalPoint, curvatureOf, polish } from "../../train/index.ts";
import { judged } from "../claims.ts";
import type { Lab, Outcome, Study } from "../paper.ts";
import { narrowPoints, toyModel } from "../toy.ts";

interface Walk {
  readonly loss: number;
  readonly segments: number;
  /** Orders of the neurons that are passed, the silent one among them. */
  readonly numberings: number;
  readonly deviation: number;
}

/** Places on each segment at which the loss is compared. */
const tried = [0, 0.25, 0.5, 0.75];

/** Walks on the plateau of the permutation point through every numbering of the four neurons, and back. */
export const plateau: Study<Record<string, never>, Walk> = {
  name: "plateau",
  tasks: () => [{}],
  run: (_, lab) => walked(lab),
  conclude: ({ outcomes }) => {
    const [{ result }] = outcomes as readonly [Outcome<Record<string, never>, Walk>];
    return {
      claims: [
        judged(
          {
            id: "numberings",
            claim:
              "A permutation point lies on a plateau on which all n! permutations of the layer are reached at the same loss; numberings of four neurons that the walk passes",
            published: Number(factorial(4)),
            origin: "formula",
            method: `${result.segments} straight segments, an exchange of neighbours at a time and back to the start`,
          },
          result.numberings,
          result.numberings === 24 && result.segments === 73,
        ),
        judged(
          {
            id: "plateau-loss",
            claim: `The loss on this walk differs from that of the permutation point, ${result.loss.toExponential(6)}, by at most`,
            published: 0,
            method: "four points of every segment; pass below 1e-15",
          },
          result.deviation,
          result.deviation < 1e-15,
        ),
      ],
      figures: [],
    };
  },
};

async function walked({ engine }: Lab): Promise<Walk> {
  const dataset = teacherStudent();
  const near = toyModel("sigmoid", narrowPoints[3]);
  await using narrow = await curvatureOf(near.network, dataset, { engine });
  const [core] = (await polish(narrow, [narrow.flatten(near.parameters)])) as [CriticalPoint];
  const reduced = { network: near.network, parameters: narrow.unflatten(core.point) };
  const point = expand(reduced, [{ layer: 0, roles: [0, 1, 2, 2] }], { key: rngKey(0) });
  const { corners, segments } = plateauWalk(point, { layer: 0, units: [3, 2], to: "all" });
  await using curvature = await curvatureOf(point.network, dataset, { engine });
  const places = segments.flatMap((_, i) => {
    const at = linearPath(corners[i] as Parameters, corners[i + 1] as Parameters);
    return tried.map((t) => curvature.flatten(at(t)));
  });
  const slopes = await curvature.slopes(places);
  return {
    loss: core.loss,
    segments: segments.length,
    numberings: new Set(corners.flatMap((corner) => numberingsAt(corner))).size,
    deviation: Math.max(...slopes.map(({ loss }) => Math.abs(loss - core.loss))),
  };
}

/** The order of the neurons by their incoming weights where one of them is silent; none elsewhere. */
function numberingsAt(parameters: Parameters): string[] {
  const outgoing = [...toNumbers(parameters["layers.1.weight"] as Tensor)];
  const hole = outgoing.indexOf(0);
  if (hole < 0) return [];
  const incoming = toNumbers(parameters["layers.0.weight"] as Tensor);
  const own = outgoing.map((_, unit) => (unit === hole ? "hole" : (incoming[2 * unit] as number).toFixed(6)));
  return [own.join(" ")];
}
