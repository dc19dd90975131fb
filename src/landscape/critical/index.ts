export { type DuplicationForm, duplicationForms } from "./duplication.ts";
export {
  type ExpandAndClusterOptions,
  expandAndCluster,
  type RecoveredTeacher,
  type UnitCluster,
} from "./expand-and-cluster.ts";
export { type FlatChannel, type FlatChannelOptions, flatChannels } from "./flat-channels.ts";
export {
  type FoundMinimum,
  lowestMinimum,
  type PairedLayer,
  pairedRoles,
  permutationPoints,
  reducedNetwork,
} from "./permutation-points.ts";
export { type DuplicationSigns, duplicationSigns, type Inertia, predictedInertia } from "./prediction.ts";
export {
  classifyReplicas,
  defaultGradientTolerance,
  evenShares,
  type PointReport,
  type Replica,
  type ReplicaClasses,
  type ReplicaOptions,
  type ReplicaStudy,
  type ReplicatedUnit,
  replicaStudy,
  replicate,
  type Shares,
  sharesOfAll,
  splitShares,
} from "./replicas.ts";
export {
  type SplitStage,
  type SplittingDescent,
  type SplittingOptions,
  splittingDescent,
  type UnitSplit,
} from "./splitting.ts";
