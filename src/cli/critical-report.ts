import { criticalCount } from "../counting/index.ts";
import {
  classifyReplicas,
  compositionText,
  type HiddenLayer,
  type Inertia,
  type PointReport,
  type Replica,
  type ReplicaStudy,
} from "../landscape/index.ts";
import { formatCount, formatLoss, formatPercent, table } from "./format.ts";

/** The layer that is widened, and how many units it gets. */
export interface Widening {
  readonly layer: HiddenLayer;
  readonly to: number;
}

/** A study as a document. */
export function studyJson({ layer: name, core, units, replicas }: ReplicaStudy, { layer, to }: Widening) {
  const { fractions, subspaces, agreeing } = classifyReplicas(replicas);
  return {
    layer: name,
    from: layer.size,
    to,
    core: pointJson(core),
    units: units.map(({ form, rank, eigenvalues, bend, minima }, unit) => ({
      unit,
      inputs: form.inputs,
      outputs: form.outputs,
      rank,
      eigenvalues: Array.from(eigenvalues),
      bend,
      minima,
    })),
    replicas: replicas.map((replica) => ({
      composition: compositionText(replica.composition),
      shares: replica.shares,
      numberings: String(replica.numberings),
      ...pointJson(replica),
      predicted: replica.predicted,
      agrees: replica.agrees,
      kind: replica.kind,
    })),
    fractions,
    subspaces: { found: String(subspaces), all: String(criticalCount(layer.size, to)) },
    agreeing,
  };
}

function pointJson({ loss, gradientNorm, index, eigenvalues }: PointReport) {
  return { loss, gradientNorm, index, eigenvalues: Array.from(eigenvalues) };
}

/** A study as lines for a person. */
export function describeStudy({ core, units, replicas }: ReplicaStudy, { layer, to }: Widening): string[] {
  const { fractions, subspaces, agreeing } = classifyReplicas(replicas);
  const all = criticalCount(layer.size, to);
  return [
    `critical point: loss ${formatLoss(core.loss)}, gradient ${core.gradientNorm.toExponential(1)}, eigenvalues ${signsText(core.index)}`,
    `${layer.name}: ${formatCount(layer.size)} units to ${formatCount(to)}; zero is up to ${core.index.tolerance.toExponential(1)}`,
    "",
    ...table(
      ["unit", "rank C", "least of B", "largest of B", "minima at shares"],
      units.map(({ rank, eigenvalues, minima }, unit) => [
        String(unit),
        String(rank),
        eigenvalue(eigenvalues[0]),
        eigenvalue(eigenvalues.at(-1)),
        minimaText[minima],
      ]),
    ),
    "",
    ...table(
      ["copies", "shares", "gradient", "observed", "predicted", "least", "kind"],
      replicas.slice(0, mostLines).map(rowOf),
    ),
    ...(replicas.length > mostLines ? [`${formatCount(replicas.length - mostLines)} more; --json has all`] : []),
    "",
    "eigenvalues are counted as negative, zero, positive",
    `${agreeing} of ${replicas.length} have the predicted signs; ${subspaces} of the G(${layer.size}, ${to}) = ${all} subspaces`,
    `saddles ${formatPercent(fractions.saddle)}, minima on plateaus ${formatPercent(fractions.minimum)}, degenerate ${formatPercent(fractions.degenerate)}, each with all its numberings`,
  ];
}

const mostLines = 40;

const minimaText: Readonly<Record<ReplicaStudy["units"][number]["minima"], string>> = {
  inside: "between 0 and 1",
  outside: "below 0 or above 1",
  nowhere: "none: a saddle",
  open: "not decided by B",
};

function rowOf({ composition, shares, gradientNorm, index, predicted, eigenvalues, kind }: Replica): string[] {
  const split = shares.filter((group) => group.length > 1).map((group) => group.map((x) => x.toFixed(2)).join(" "));
  return [
    compositionText(composition),
    split.join(" | "),
    gradientNorm.toExponential(1),
    signsText(index),
    signsText(predicted),
    eigenvalue(eigenvalues[0]),
    kind,
  ];
}

function signsText({ negative, zero, positive }: Inertia): string {
  return `${negative} ${zero} ${positive}`;
}

function eigenvalue(value: number | undefined): string {
  return (value as number).toExponential(3);
}
