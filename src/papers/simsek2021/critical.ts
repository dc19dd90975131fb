import { criticalCount } from "../../counting/index.ts";
import { teacherStudent } from "../../data/index.ts";
import { classifyReplicas, compositions, replicaStudy, splitShares } from "../../landscape/index.ts";
import { rngKey } from "../../tensor/index.ts";
import { type CriticalPoint, curvatureOf, polish } from "../../train/index.ts";
import { judged } from "../claims.ts";
import type { Claim, Lab, Study } from "../paper.ts";
import { narrowPoints, toyModel } from "../toy.ts";

type Widening = { readonly minimal: 1 | 3; readonly width: number; readonly splits: number };

interface Replicas {
  readonly core: { readonly loss: number; readonly negative: number };
  readonly replicas: number;
  /** With the index that B and C of the narrow network predict. */
  readonly agreeing: number;
  readonly subspaces: string;
  readonly gradientNorm: number;
  readonly fractions: { readonly saddle: number; readonly minimum: number; readonly degenerate: number };
  /** Of the first replica, which shares evenly, ascending. */
  readonly eigenvalues: readonly number[];
}

const widenings: readonly Widening[] = [
  { minimal: 1, width: 2, splits: 20 },
  { minimal: 1, width: 3, splits: 20 },
  { minimal: 1, width: 4, splits: 20 },
  { minimal: 3, width: 4, splits: 10 },
  { minimal: 3, width: 5, splits: 5 },
  { minimal: 3, width: 6, splits: 2 },
];

/** Replicates the best networks of width 1 and 3 of the toy. */
export const critical: Study<Widening, Replicas> = {
  name: "critical",
  tasks: () => widenings,
  run: replicated,
  conclude: ({ outcomes }) => {
    const results = outcomes.map(({ result }) => result);
    return {
      claims: claimsOf(
        outcomes.map(({ task, result }) => ({ ...task, ...result })),
        results,
      ),
      figures: [],
    };
  },
};

async function replicated({ minimal, width, splits }: Widening, { engine }: Lab): Promise<Replicas> {
  const dataset = teacherStudent();
  const near = toyModel("sigmoid", narrowPoints[minimal]);
  await using curvature = await curvatureOf(near.network, dataset, { engine });
  const [core] = (await polish(curvature, [curvature.flatten(near.parameters)])) as [CriticalPoint];
  const model = { network: near.network, parameters: curvature.unflatten(core.point) };
  const replicas = [...compositions(minimal, width)]
    .filter(({ zeroGroups }) => zeroGroups.length === 0)
    .flatMap((composition) => [...splitShares(composition, { splits, key: rngKey(1) })]);
  const study = await replicaStudy(model, dataset, { layer: 0, engine, replicas });
  const { fractions, subspaces, agreeing } = classifyReplicas(study.replicas);
  return {
    core: { loss: core.loss, negative: core.index.negative },
    replicas: replicas.length,
    agreeing,
    subspaces: String(subspaces),
    gradientNorm: Math.max(...study.replicas.map((replica) => replica.gradientNorm)),
    fractions,
    eigenvalues: [...(study.replicas[0]?.eigenvalues ?? [])],
  };
}

/** Of the replica of the best width-1 network with even shares, from an independent program. */
const halves = [-0.0398132929, 0, 0.0740177708, 0.998758856, 8.44210763, 8.670965102];

function claimsOf(found: readonly (Widening & Replicas)[], results: readonly Replicas[]): Claim[] {
  const total = results.reduce((sum, { replicas }) => sum + replicas, 0);
  const agreeing = results.reduce((sum, each) => sum + each.agreeing, 0);
  const gradientNorm = Math.max(...results.map((each) => each.gradientNorm));
  const pair = found[0] as Widening & Replicas;
  const deviation = Math.max(...halves.map((value, i) => Math.abs(value - (pair.eigenvalues[i] as number))));
  const counted = found.map(({ minimal, width, subspaces }) => [subspaces, String(criticalCount(minimal, width))]);
  const saddles = found.map(
    ({ minimal, width, fractions }) => `${minimal} in ${width}: ${fractions.saddle.toFixed(2)}`,
  );
  return [
    judged(
      {
        id: "replicas-critical",
        claim: `Neurons of a critical point of a narrow network, repeated with shares of their outgoing weights that add up to 1, are a critical point of the wide one: largest gradient norm of ${total} replicas of the best networks of width 1 and 3`,
        published: 0,
        method:
          "pass below 1e-12; all compositions, even and random shares, from -1 to 2 but for the last of each neuron",
      },
      gradientNorm,
      gradientNorm < 1e-12,
    ),
    judged(
      {
        id: "replica-count",
        claim:
          "They lie on G(r, m) subspaces: numberings of all compositions for r = 1 in 2, 3, 4 and r = 3 in 4, 5, 6",
        published: counted.map(([, formula]) => formula).join(", "),
        origin: "formula",
      },
      counted.map(([subspaces]) => subspaces).join(", "),
      counted.every(([subspaces, formula]) => subspaces === formula),
    ),
    judged(
      {
        id: "replica-indices",
        claim:
          "Their numbers of negative and vanishing eigenvalues follow from the narrow network alone (signs of B and rank of C)",
        published: `all ${total}`,
      },
      `${agreeing} of ${total}`,
      agreeing === total,
    ),
    judged(
      {
        id: "replica-saddle",
        claim: "The best network of width 1, its neuron split in half, is a strict saddle: lowest eigenvalue",
        published: halves[0] as number,
        origin: "program",
        method: `the other five of that program agree within ${deviation.toExponential(0)}`,
      },
      pair.eigenvalues[0] as number,
      deviation < 1e-8,
    ),
    judged(
      {
        id: "mostly-saddles",
        claim: "Symmetry-induced critical points are mostly saddles; fractions over all numberings",
        published: "most",
        method:
          "shares drawn between -1 and 2, the last of each neuron making up for the others; the share of saddles depends on that",
      },
      saddles.join(", "),
      found.every(({ fractions }) => fractions.saddle > 0.5),
    ),
  ];
}
