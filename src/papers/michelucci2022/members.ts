import { orbitValue } from "../../counting/index.ts";
import { teacherStudent } from "../../data/index.ts";
import { averagePool, conv } from "../../graph/index.ts";
import {
  convolution,
  defineNetwork,
  initializeParameters,
  linear,
  mlp,
  type Network,
  type Parameters,
} from "../../nets/index.ts";
import { act, discoverSymmetry, outputDeviations } from "../../symmetry/index.ts";
import { fold, fromNumbers, rngKey, type Tensor, toNumbers } from "../../tensor/index.ts";
import { curvatureOf, minimize } from "../../train/index.ts";
import { explained, judged } from "../claims.ts";
import type { Claim, Lab, Study } from "../paper.ts";
import { combinations, groupElements, orders, permutationCount } from "./orbit-members.ts";

/** Networks so small that every equivalent one can be made. */
type MembersTask = { readonly network: "dense" | "dense with signs" | "convolutional" | "every order" };

/** What is found among the networks that were made. */
interface Members {
  /** As many as the formula says. */
  readonly expected: number;
  readonly distinct: number;
  /** Of losses or of outputs, relative to the largest. */
  readonly deviation: number;
  /** Of the loss, at a minimum and at all its images. */
  readonly gradientNorm: number | null;
}

/** Sums in another order round otherwise. */
const rounding = 1e-12;

export const members: Study<MembersTask, Members> = {
  name: "members",
  tasks: () => (["dense", "dense with signs", "convolutional", "every order"] as const).map((network) => ({ network })),
  run: ({ network }, lab) => {
    if (network === "convolutional") return convolutionalMembers(lab);
    if (network === "every order") return everyOrder(lab);
    return denseMembers(lab, network === "dense with signs");
  },
  conclude: ({ outcomes }) => {
    const [dense, signed, convolutional, order] = outcomes.map(({ result }) => result) as [
      Members,
      Members,
      Members,
      Members,
    ];
    return { claims: claimsOf(dense, signed, convolutional, order), figures: [] };
  },
};

function claimsOf(dense: Members, signed: Members, convolutional: Members, order: Members): Claim[] {
  return [
    judged(
      {
        id: "dense-members",
        claim:
          "A minimum of a network with hidden layers of n_1, n_2, .. neurons has n_1! n_2! .. images of equal loss. Tried on a tanh network 2-2-3-1, trained to a gradient of rounding size: every renumbering is made, and distinct weights are counted.",
        published: "2! 3! = 12",
        origin: "formula",
        method: deviationText(dense),
      },
      dense.distinct,
      dense.expected === 12 && holds(dense),
    ),
    explained(
      {
        id: "dense-signs",
        claim: "The equivalent minima are those that come from exchanging neurons, and no others.",
        published: "2! 3! = 12",
        origin: "formula",
        method: deviationText(signed),
      },
      signed.distinct,
      signed.expected === 12 * 2 ** 5 && holds(signed),
      "the count of the paper is that of permutations; tanh is odd, so that the signs of each of the 5 neurons may change as well, which gives 2^5 times as many",
    ),
    judged(
      {
        id: "convolutional-members",
        claim:
          "A convolution with F filters contributes F!, and pooling nothing. Tried on 3 filters, average pooling, 2 filters, a dense layer of 4.",
        published: "3! 2! 4! = 288",
        origin: "formula",
        method: deviationText(convolutional),
      },
      convolutional.distinct,
      convolutional.expected === 288 && holds(convolutional),
    ),
    judged(
      {
        id: "flatten-couples",
        claim:
          "Of all orders of the 2 filters, of the 2 filters of a depth-wise convolution behind it and of the 4 inputs of the dense layer that reads their flattened output, 96 in all, only 2! keep the function: flattening couples the inputs with their channel, and a depth-wise convolution adds no factor.",
        published: "2! = 2",
        origin: "formula",
        method: `every order tried; outputs of the others differ by ${order.deviation.toExponential(1)} of the largest at least`,
      },
      order.distinct,
      order.distinct === order.expected && order.deviation > 1e-3,
    ),
  ];
}

function holds({ expected, distinct, deviation, gradientNorm }: Members): boolean {
  return distinct === expected && deviation < rounding && (gradientNorm ?? 0) < rounding;
}

function deviationText({ deviation, gradientNorm }: Members): string {
  const gradient = gradientNorm === null ? "" : `, largest gradient norm ${gradientNorm.toExponential(1)}`;
  const what = gradientNorm === null ? "outputs" : "losses";
  return `largest relative difference of ${what} ${deviation.toExponential(1)}${gradient}`;
}

async function denseMembers({ engine, signal }: Lab, signs: boolean): Promise<Members> {
  const network = mlp({ input: 2, widths: [2, 3], outputs: 1, activation: "tanh" });
  await using curvature = await curvatureOf(network, teacherStudent({ activation: "tanh" }), { engine });
  const start = curvature.flatten(initializeParameters(network, rngKey(3), "float64"));
  const [minimum] = await minimize(curvature, [start], { gradientTolerance: rounding / 10, signal });
  const group = discoverSymmetry(network);
  const parameters = curvature.unflatten((minimum as NonNullable<typeof minimum>).point);
  const images = Array.from(groupElements(group, { signs }), (element) =>
    curvature.flatten(act(group, element, parameters)),
  );
  const slopes = await curvature.slopes(images);
  const loss = (minimum as NonNullable<typeof minimum>).loss;
  const expected = orbitValue([{ width: 2 }, { width: 3 }], signs ? "tanh" : "softplus");
  return {
    expected: Number(expected),
    distinct: new Set(images.map((image) => image.join())).size,
    deviation: Math.max(...slopes.map((slope) => Math.abs(slope.loss - loss))) / loss,
    gradientNorm: Math.max(...slopes.map(({ gradient }) => Math.hypot(...gradient))),
  };
}

function convolutionalNetwork(): Network {
  return defineNetwork({
    description: { net: "small convolutional network" },
    inputShape: [1, 8, 8],
    inputKind: "real",
    outputs: 2,
    forward: (x, scope) => {
      const first = convolution(scope.within("conv1"), x, { filters: 3, kernel: 3 }).relu();
      const second = convolution(scope.within("conv2"), averagePool(first, 2), { filters: 2, kernel: 2 }).relu();
      const hidden = linear(scope.within("fc1"), second.flatten(), { outputs: 4 }).relu();
      return linear(scope.within("fc2"), hidden, { outputs: 2 });
    },
  });
}

async function convolutionalMembers({ engine }: Lab): Promise<Members> {
  const network = convolutionalNetwork();
  const group = discoverSymmetry(network);
  const parameters = initializeParameters(network, rngKey(2), "float64");
  const images = Array.from(groupElements(group, { signs: false }), (element) => act(group, element, parameters));
  const deviations = await outputDeviations({ network, parameters }, images, { engine, key: rngKey(3) });
  return {
    expected: permutationCount(group),
    distinct: new Set(images.map(textOf)).size,
    deviation: Math.max(...deviations),
    gradientNorm: null,
  };
}

/** A convolution, a depth-wise one of as many filters, and a dense layer behind a flattening. */
function depthwiseNetwork(): Network {
  const drawn = { kind: "normal", deviation: 1 } as const;
  return defineNetwork({
    description: { net: "small depth-wise network" },
    inputShape: [1, 3, 4],
    inputKind: "real",
    outputs: 2,
    forward: (x, scope) => {
      const image = convolution(scope.within("conv"), x, { filters: 2, kernel: 3 }).relu();
      const each = conv(image, scope.within("depthwise").weight("weight", [2, 1, 1, 1], drawn), { group: 2 });
      return linear(
        scope.within("fc"),
        each
          .add(scope.weight("shift", [1], drawn))
          .relu()
          .flatten(),
        { outputs: 2 },
      );
    },
  });
}

/** Puts the filters and the inputs of the dense layer in every order and counts those that compute the same. */
async function everyOrder({ engine }: Lab): Promise<Members> {
  const network = depthwiseNetwork();
  const parameters = initializeParameters(network, fold(rngKey(4), "depth-wise"), "float64");
  const places = [
    ["conv.weight", 0],
    ["depthwise.weight", 0],
    ["fc.weight", 1],
  ] as const;
  const choices = places.map(([name, axis]) => orders((parameters[name] as Tensor).shape[axis] as number));
  const images = Array.from(combinations(choices), (chosen) =>
    Object.fromEntries(
      Object.entries(parameters).map(([name, tensor]) => {
        const place = places.findIndex(([each]) => each === name);
        const moved = places[place];
        return [name, moved ? reordered(tensor, moved[1], chosen[place] as number[]) : tensor];
      }),
    ),
  );
  const deviations = await outputDeviations({ network, parameters }, images, { engine, key: rngKey(5) });
  const others = deviations.filter((deviation) => deviation >= rounding);
  return {
    expected: permutationCount(discoverSymmetry(network)),
    distinct: deviations.length - others.length,
    deviation: Math.min(...others),
    gradientNorm: null,
  };
}

/** The tensor with one axis in another order. */
function reordered(tensor: Tensor, axis: number, order: readonly number[]): Tensor {
  const inner = tensor.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
  const values = toNumbers(tensor);
  const at = (place: number) => {
    const [outer, rest] = [Math.floor(place / (inner * order.length)), place % (inner * order.length)];
    return (outer * order.length + (order[Math.floor(rest / inner)] as number)) * inner + (rest % inner);
  };
  return fromNumbers(
    "float64",
    Array.from(values, (_, place) => values[at(place)] as number),
    tensor.shape,
  );
}

function textOf(parameters: Parameters): string {
  return Object.values(parameters)
    .map((tensor) => toNumbers(tensor).join())
    .join(";");
}
