import { type GroupElement, identity, randomElement } from "../../symmetry/index.ts";
import { fold, type RngKey } from "../../tensor/index.ts";
import type { StartName } from "../matching/index.ts";
import { fingerprintStart } from "../weights/index.ts";
import { bestMatrices, crossGram, identityMatrices, type Rotations } from "./best-matrices.ts";
import { isStream, type Rotation } from "./rotate.ts";
import { blocksOf } from "./rotation-blocks.ts";

export interface RotationStart {
  readonly name: StartName;
  readonly rotation: Rotation;
}

/** Starts of the descent: from what does not depend on the order of units, as b stands, and then at random. */
export async function rotationStarts(
  work: Rotations,
  { restarts, key }: { readonly restarts: number; readonly key: RngKey },
): Promise<RotationStart[]> {
  const { group } = work.matching;
  const still = identity(group);
  const matrices = await streamMatrices(work, still);
  const fingerprint = onlyUnits(work, await fingerprintStart({ ...work.matching, sites: unmixedSites(work) }));
  return Array.from({ length: restarts }, (_, restart): RotationStart => {
    if (restart === 0) return { name: "fingerprint", rotation: { element: fingerprint, matrices } };
    if (restart === 1) return { name: "identity", rotation: { element: still, matrices: matrices.map(() => null) } };
    const { permutations } = randomElement(group, fold(key, "start", restart));
    return { name: "random", rotation: { element: onlyUnits(work, { ...still, permutations }), matrices } };
  });
}

/** The matrices of streams that the tensors without any other units ask for. */
async function streamMatrices(work: Rotations, element: GroupElement): Promise<(Float64Array | null)[]> {
  const { group, sites } = work.matching;
  const none = group.factors.map(() => null);
  const matrices: (Float64Array | null)[] = [...none];
  for (const [factor, own] of group.factors.entries()) {
    if (!isStream(own.matrix)) continue;
    const others = new Set(
      group.factors.flatMap((each, i) => (i === factor ? [] : each.sites.map(({ tensor }) => tensor))),
    );
    const names = [...new Set(sites[factor]?.map(({ tensor }) => tensor))].filter((name) => !others.has(name));
    const cross = await crossGram(work, factor, { rotation: { element, matrices: none }, names });
    if (cross.some((x) => x !== 0))
      matrices[factor] = await bestMatrices(work, own, { cross, start: identityMatrices(own) });
  }
  return matrices;
}

/** The places of units in tensors on which no matrix acts. */
function unmixedSites({ matching: { group, sites } }: Rotations) {
  const mixed = new Set(
    group.factors.flatMap((factor) => (factor.matrix === null ? [] : factor.sites.map(({ tensor }) => tensor))),
  );
  return sites.map((each) => each.filter(({ tensor }) => !mixed.has(tensor)));
}

/** An element that moves the units of no block but those that are assigned one by one. */
function onlyUnits(work: Rotations, element: GroupElement): GroupElement {
  const units = new Set(blocksOf(work).flatMap((block) => (block.kind === "units" ? [block.factor] : [])));
  const still = identity(work.matching.group).permutations;
  return {
    ...element,
    permutations: element.permutations.map((own, factor) => (units.has(factor) ? own : (still[factor] as Int32Array))),
  };
}
