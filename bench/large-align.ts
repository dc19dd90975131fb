import { statSync } from "node:fs";
import { join } from "node:path";
import { encodeModelFile, initializeParameters, networkFrom } from "../src/nets/index.ts";
import { writeFileAtomically } from "../src/node/index.ts";
import { act, discoverSymmetry, identity, randomElement } from "../src/symmetry/index.ts";
import { rngKey } from "../src/tensor/index.ts";
import { llama7b, writePair } from "./large-pair.ts";
import { type CommandTiming, inFolder, timeCommand } from "./symmetry.ts";

/** A command over two checkpoints, and the size of one. */
export interface PairTiming extends CommandTiming {
  readonly checkpointBytes: number;
}

/** `orbifold align` of a ResNet50 to what a random renumbering makes of it. */
export function timeResnetAlign(): Promise<PairTiming> {
  return inFolder(async (folder) => {
    const network = networkFrom({ net: "resnet50", input: [3, 224, 224], outputs: 1000 });
    const parameters = initializeParameters(network, rngKey(0));
    const group = discoverSymmetry(network);
    const element = { ...randomElement(group, rngKey(1)), scales: identity(group).scales };
    const paths = pathsIn(folder);
    await writeFileAtomically(paths[0], encodeModelFile(network, parameters));
    await writeFileAtomically(paths[1], encodeModelFile(network, act(group, element, parameters)));
    return timeAlign(paths);
  });
}

/** `orbifold align` of two layers of a Llama with the sizes of 7 billion parameters, one weight in eight drawn anew. */
export function timeLlamaAlign(): Promise<PairTiming> {
  return inFolder(async (folder) => {
    const paths = pathsIn(folder);
    await writePair(llama7b(2), paths, { seed: 0, kind: "planted" });
    return timeAlign(paths);
  });
}

function pathsIn(folder: string): [string, string] {
  return [join(folder, "a.safetensors"), join(folder, "b.safetensors")];
}

function timeAlign([a, b]: readonly [string, string]): PairTiming {
  const words = ["align", a, b, "-o", `${b}-like-a.safetensors`, "--restarts", "1", "-q"];
  return { ...timeCommand(words, 1), checkpointBytes: statSync(a).size };
}
