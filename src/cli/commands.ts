import type { Command } from "./command.ts";

interface CommandEntry {
  readonly summary: string;
  /** Loaded on demand, so that help and errors do not wait for the engine. */
  load(): Promise<{ readonly command: Command }>;
}

/** Every command, in the order of the help. */
export const commands: Readonly<Record<string, CommandEntry>> = {
  tour: {
    summary: "train two small networks and look at the loss between them",
    load: () => import("./tour.ts"),
  },
  train: { summary: "train one network, or many at once", load: () => import("./train.ts") },
  evaluate: { summary: "loss and error of a network on a data set", load: () => import("./evaluate.ts") },
  info: { summary: "what is in a checkpoint or an ONNX file", load: () => import("./info.ts") },
  census: { summary: "the exact symmetry group of a network, and why", load: () => import("./census.ts") },
  canonicalize: {
    summary: "the one representative of all weights that are equal up to symmetry",
    load: () => import("./canonicalize.ts"),
  },
  hash: { summary: "the identity of a network modulo its symmetries", load: () => import("./hash.ts") },
  orbit: {
    summary: "other weights of the same function: a random member of the orbit",
    load: () => import("./orbit.ts"),
  },
  certify: {
    summary: "whether two checkpoints are the same function, and of the same orbit",
    load: () => import("./certify.ts"),
  },
  align: {
    summary: "renumber the units of one checkpoint to be like another's",
    load: () => import("./align.ts"),
  },
  merge: {
    summary: "average checkpoints, their units renumbered alike",
    load: () => import("./merge.ts"),
  },
  replay: { summary: "do an alignment again, to the same bytes", load: () => import("./replay.ts") },
  distance: {
    summary: "how far apart two networks are, with and without symmetries",
    load: () => import("./distance.ts"),
  },
  diagnose: {
    summary: "whether checkpoints can be averaged, from their weights alone",
    load: () => import("./diagnose.ts"),
  },
  barrier: {
    summary: "the barrier between two networks, by every definition",
    load: () => import("./barrier.ts"),
  },
  hessian: {
    summary: "curvature of the loss: eigenvalues, their density, trace",
    load: () => import("./hessian.ts"),
  },
  expand: {
    summary: "a wider network of the same function",
    load: () => import("./expand.ts"),
  },
  reduce: {
    summary: "a network without its superfluous units",
    load: () => import("./reduce.ts"),
  },
  plateau: {
    summary: "walk at constant loss to another numbering of a layer",
    load: () => import("./plateau.ts"),
  },
  connect: {
    summary: "walk at constant loss between two expansions of a network",
    load: () => import("./connect.ts"),
  },
  path: {
    summary: "the path on which two units change places",
    load: () => import("./path.ts"),
  },
  critical: {
    summary: "what a critical point becomes in wider networks",
    load: () => import("./critical.ts"),
  },
  count: {
    summary: "exact numbers of equivalent minima, saddles and their subspaces",
    load: () => import("./count.ts"),
  },
  reproduce: {
    summary: "run a paper's experiments again and check its claims",
    load: () => import("./reproduce.ts"),
  },
  data: { summary: "fetch, verify and describe a data set", load: () => import("./data.ts") },
};
