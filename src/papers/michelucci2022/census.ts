import { orbitSize, type UnitLayer } from "../../counting/index.ts";
import { type Activation, mlp, type Network, resnet18, vgg16 } from "../../nets/index.ts";
import { discoverSymmetry, groupOrder } from "../../symmetry/index.ts";
import { explained, judged } from "../claims.ts";
import type { Claim, Study } from "../paper.ts";

/** A network, what the formula says of it, and what is printed in the paper or follows from its formula. */
interface Architecture {
  readonly label: string;
  readonly network: () => Network;
  readonly layers: readonly UnitLayer[];
  readonly activation: Activation;
  /** log10 of the number of permutations, and of all with signs, to six decimals. */
  readonly permutations: number;
  readonly withSigns?: number;
}

function dense(widths: readonly number[], outputs = 10): Pick<Architecture, "network" | "layers" | "activation"> {
  return {
    network: () => mlp({ input: 784, widths, outputs, activation: "tanh" }),
    layers: widths.map((width) => ({ width })),
    activation: "tanh",
  };
}

function times(width: number, count: number): UnitLayer[] {
  return Array.from({ length: count }, () => ({ width }));
}

export const architectures: Readonly<Record<string, Architecture>> = {
  "mlp-512-512": {
    label: "dense 784-512-512-10: 512!^2",
    ...dense([512, 512]),
    permutations: 2333.082482,
    withSigns: 2641.337197,
  },
  "mlp-100": { label: "dense 784-100-10: 100!", ...dense([100]), permutations: 157.970004, withSigns: 188.073003 },
  "lenet-300-100": {
    label: "LeNet-300-100: 300! 100!",
    ...dense([300, 100]),
    permutations: 772.455807,
    withSigns: 892.867805,
  },
  "mlp-3x512": { label: "dense, 3 layers of 512: 512!^3", ...dense([512, 512, 512]), permutations: 3499.623723 },
  vgg16: {
    label: "VGG16: 64!^2 128!^2 256!^3 512!^6 4096!^2",
    network: () => vgg16(),
    layers: [...times(64, 2), ...times(128, 2), ...times(256, 3), ...times(512, 6), ...times(4096, 2)],
    activation: "relu",
    permutations: 35168.54964,
  },
  resnet18: {
    label: "ResNet18: 64!^3 128!^3 256!^3 512!^3",
    network: () => resnet18(),
    layers: [64, 128, 256, 512].flatMap((width) => times(width, 3)),
    activation: "relu",
    permutations: 5934.492639,
  },
};

interface Census {
  readonly permutations: number;
  readonly signs: number;
  readonly continuousDimension: number;
}

/** Six decimals are given. */
const sixDecimals = 1e-6;

/** Counts the symmetries of whole networks from their graphs, which knows nothing of the formula. */
export const census: Study<{ readonly architecture: string }, Census> = {
  name: "census",
  tasks: () => Object.keys(architectures).map((architecture) => ({ architecture })),
  run: async ({ architecture }) => {
    const { network } = architectures[architecture] as Architecture;
    const { permutations, signs, continuousDimension } = groupOrder(discoverSymmetry(network()));
    return { permutations: permutations.log10, signs: signs.log10, continuousDimension };
  },
  conclude: ({ outcomes }) => {
    const found = new Map(outcomes.map(({ task, result }) => [task.architecture, result]));
    const of = (name: string) => found.get(name) as Census;
    return {
      claims: [
        ...["mlp-512-512", "mlp-100", "lenet-300-100"].map((name) => formulaClaim(name, of(name))),
        ...["mlp-512-512", "mlp-100", "lenet-300-100"].map((name) => signClaim(name, of(name))),
        truncatedClaim("mlp-3x512", of("mlp-3x512"), 3498),
        truncatedClaim("vgg16", of("vgg16"), 35160),
        tiesClaim(of("resnet18")),
      ],
      figures: [],
    };
  },
};

const fromGraph = "counted by the census of the graph, which is not given the formula; both must agree within 1e-6";

function isNear(measured: number, expected: number): boolean {
  return Math.abs(measured - expected) <= sixDecimals;
}

function formulaClaim(name: string, { permutations }: Census): Claim {
  const { label, layers, permutations: expected } = architectures[name] as Architecture;
  return judged(
    {
      id: `log10-${name}`,
      claim: `log10 of the number of equivalent minima of ${label}`,
      published: expected,
      origin: "formula",
      method: fromGraph,
    },
    permutations,
    isNear(permutations, expected) && isNear(orbitSize(layers, "softplus").log10, expected),
  );
}

function signClaim(name: string, { permutations, signs }: Census): Claim {
  const { label, layers, activation, permutations: published, withSigns } = architectures[name] as Architecture;
  const measured = permutations + signs;
  return explained(
    {
      id: `log10-signs-${name}`,
      claim: `The same with tanh, where the signs of every neuron may change: ${label}`,
      published,
      origin: "formula",
      method: fromGraph,
    },
    measured,
    isNear(measured, withSigns as number) && isNear(orbitSize(layers, activation).log10, withSigns as number),
    "the paper counts permutations; an odd activation gives a factor of 2 for each neuron",
  );
}

function truncatedClaim(name: string, { permutations }: Census, published: number): Claim {
  const { label, layers, activation, permutations: expected } = architectures[name] as Architecture;
  const { truncatedLog10 } = orbitSize(layers, activation);
  return explained(
    {
      id: `table-${name}`,
      claim: `log10 of the number of equivalent minima of ${label}`,
      published,
      method: fromGraph,
    },
    permutations,
    truncatedLog10 === published && isNear(permutations, expected),
    `the table adds floor(log10 n!) over the layers, which is ${truncatedLog10}; the digits behind the points add up`,
  );
}

/** What the formula gives where every convolution of ResNet18 counts for itself. */
const untied = [...times(64, 5), ...times(128, 4), ...times(256, 4), ...times(512, 4)];

function tiesClaim({ permutations }: Census): Claim {
  const { permutations: expected } = architectures.resnet18 as Architecture;
  const published = 8001.760269;
  return explained(
    {
      id: "residual-ties",
      claim: "Each convolution with F filters contributes F!; for the 17 convolutions of ResNet18 that would be log10",
      published,
      origin: "formula",
      method: fromGraph,
    },
    permutations,
    isNear(permutations, expected) && isNear(orbitSize(untied, "relu").log10, published),
    "convolutions that write to one residual stream must be renumbered alike, so that each stream counts once: 64!^3 128!^3 256!^3 512!^3",
  );
}
