import { type OrbitSize, orbitSize, orbitValue, type UnitLayer, unitSymmetries } from "../../counting/index.ts";
import { check } from "../../errors.ts";
import type { Activation } from "../../nets/index.ts";
import type { Call, Outcome } from "../command.ts";
import { formatCount, table } from "../format.ts";
import { choiceOf, numbersOf, textOf } from "../values.ts";
import { facts, formatBySize, formatLog10, mostDigits, type Topic } from "./topic.ts";

/** How many networks compute the same function. */
export const minima: Topic = { takes: ["widths", "channels", "dense", "activation"], run };

const activations = Object.keys(unitSymmetries) as Activation[];

/** Units beyond which log10 has fewer than six decimals. */
const mostUnits = 10_000_000;
const widthRange = { least: 1, most: mostUnits, whole: true } as const;

function run(call: Call): Outcome {
  const activation = choiceOf(call, "activation", activations, "relu");
  const widths = widthsOf(call);
  const layers = widths.map((width): UnitLayer => ({ width }));
  const size = orbitSize(layers, activation);
  const isWritable = size.digits <= mostDigits;
  return {
    json: {
      activation,
      layers: widths,
      ...size,
      // A getter, because a person is not shown the digits and a million of them take a second.
      get value() {
        return isWritable ? String(orbitValue(layers, activation)) : null;
      },
      ...(!isWritable && { valueOmitted: `more than ${formatCount(mostDigits)} digits` }),
      why: unitSymmetries[activation].why,
    },
    text: describe(call, { widths, layers, activation, size }),
  };
}

/** The widths of the hidden layers. */
function widthsOf(call: Call): readonly number[] {
  const all = numbersOf(call, "widths", widthRange);
  const convolutional = ["channels", "dense"].map((name) => numbersOf(call, name, widthRange));
  const isConvolutional = convolutional.some((widths) => widths !== undefined);
  check((all === undefined) === isConvolutional, () => ({
    code: "usage",
    where: "--widths",
    message: all ? "expected either --widths or --channels and --dense, got both" : "is needed",
    remedy: "name the widths of an MLP such as 784,512,10, or --channels and --dense of a convolutional network",
  }));
  check(all === undefined || all.length >= 2, () => ({
    code: "bad-option",
    where: "--widths",
    message: `expected the inputs, the hidden layers and the outputs, got ${JSON.stringify(textOf(call, "widths"))}`,
  }));
  const widths = all?.slice(1, -1) ?? convolutional.flatMap((part) => part ?? []);
  const units = widths.reduce((sum, width) => sum + width, 0);
  check(units <= mostUnits, () => ({
    code: "too-large",
    where: "count minima",
    message: `expected at most ${formatCount(mostUnits)} hidden units, got ${formatCount(units)}`,
  }));
  return widths;
}

interface Counted {
  readonly widths: readonly number[];
  readonly layers: readonly UnitLayer[];
  readonly activation: Activation;
  readonly size: OrbitSize;
}

function describe({ options }: Call, { widths, layers, activation, size }: Counted): string[] {
  const { factors, signs, log10, log10Permutations, continuousDimension, truncatedLog10 } = size;
  const hasMaxPooling = options.channels !== undefined && signs > 0;
  const rows = factors.map(({ width, multiplicity, log10: share }) => [
    `${width}!`,
    String(multiplicity),
    formatLog10(share),
  ]);
  return [
    `${formatBySize(log10, () => orbitValue(layers, activation))} equivalent minima`,
    "",
    ...(rows.length > 0 ? [...table(["factor", "layers", "log10"], rows), ""] : []),
    ...facts([
      ["hidden layers", widths.length > 0 ? widths.join(", ") : "none"],
      ["permutations", `10^${formatLog10(log10Permutations)}`],
      ["signs", signs > 0 ? `2^${signs}` : "none"],
      ["continuous", continuousDimension > 0 ? `${formatCount(continuousDimension)} dimensions` : "none"],
      ["activation", activation],
      ["truncated", `10^${truncatedLog10}, the sum of floor(log10 n!) that some tables print`],
    ]),
    "",
    unitSymmetries[activation].why,
    ...(hasMaxPooling ? ["Signs pass an average pooling, but not a max pooling."] : []),
  ];
}
