import { check, type InputErrorDetails } from "../errors.ts";
import { type Operator, topologicalOrder } from "../graph/index.ts";
import type { Parameters } from "../nets/index.ts";
import type { WeightsFile } from "../node/index.ts";
import { elementCount, sameShape, type Tensor } from "../tensor/index.ts";
import type { Call } from "./command.ts";
import { weightsOf } from "./weights-options.ts";

/**
 * Refuses two files that are not for one architecture: other tensors, other options of a built-in network, other
 * nonlinear operators, or units that can be scaled or flipped in other ways.
 */
export function checkSameNetwork(a: WeightsFile, b: WeightsFile): void {
  const [x, y] = [a.discovery.parameters, b.discovery.parameters];
  const other = [...x.keys(), ...y.keys()].find((name) => {
    return !sameShape(x.get(name)?.shape ?? [Number.NaN], y.get(name)?.shape ?? [Number.NaN]);
  });
  check(other === undefined, () => different(a, b, `they differ in ${JSON.stringify(other)}`));
  for (const differenceOf of [optionThatDiffers, operatorThatDiffers, scalesThatDiffer]) {
    const difference = differenceOf(a, b);
    check(difference === null, () => different(a, b, difference as string));
  }
}

/** Options of a network that change nothing once it has its weights, or that its tensors show. */
const harmless: ReadonlySet<string> = new Set(["initializer", "input"]);

function optionThatDiffers({ description: x }: WeightsFile, { description: y }: WeightsFile): string | null {
  if (x?.net !== y?.net) return null;
  const options = Object.keys({ ...x, ...y }).filter((name) => !harmless.has(name));
  const [name] = options.filter((each) => JSON.stringify(x?.[each]) !== JSON.stringify(y?.[each]));
  return name === undefined ? null : `its ${name} is ${JSON.stringify(y?.[name])}, not ${JSON.stringify(x?.[name])}`;
}

function operatorThatDiffers({ discovery: x }: WeightsFile, { discovery: y }: WeightsFile): string | null {
  const [one, other] = [nonlinearIn(x), nonlinearIn(y)];
  const op = nonlinear.find((each) => one.get(each) !== other.get(each));
  if (op === undefined) return null;
  const [was, is] = [one.get(op)?.split(" ") ?? [], other.get(op)?.split(" ") ?? []];
  if (was.length !== is.length) return `it has ${is.length} times ${op}, not ${was.length} times`;
  return `its ${op} is of other sizes, as with another number of heads`;
}

/** Operators that every exporter writes alike, but for the order and the shape of their numbers. */
const nonlinear = ["Relu", "LeakyRelu", "Sigmoid", "Tanh", "Erf", "Softplus", "Softmax"] as const;

/** For each nonlinear operator how many numbers it computes wherever it stands, relative to those of the output. */
function nonlinearIn({ outputs }: WeightsFile["discovery"]): ReadonlyMap<Operator, string> {
  const whole = elementCount(outputs[0]?.shape ?? []);
  const values = Map.groupBy(topologicalOrder(outputs), ({ op }) => op);
  return new Map(
    nonlinear.flatMap((op) => {
      const sizes = (values.get(op) ?? []).map(({ shape }) => elementCount(shape) / whole);
      return sizes.length === 0 ? [] : [[op, sizes.sort((p, q) => p - q).join(" ")] as const];
    }),
  );
}

function scalesThatDiffer(a: WeightsFile, b: WeightsFile): string | null {
  const [was, is] = [scalesIn(a), scalesIn(b)];
  return was === is ? null : `its units have ${is}, not ${was}`;
}

function scalesIn({ discovery }: WeightsFile): string {
  const { factors, generators } = discovery.group;
  const counts = { scale: 0, sign: 0 };
  for (const { kind, factor } of generators)
    counts[kind] += (factors[factor]?.size ?? 0) * (factors[factor]?.copies ?? 0);
  return `${counts.scale} scales and ${counts.sign} signs`;
}

function different(a: WeightsFile, b: WeightsFile, how: string): InputErrorDetails {
  return {
    code: "different-networks",
    where: b.path,
    message: `expected the network of ${a.path}, got another: ${how}`,
    remedy: "compare two checkpoints of one architecture",
  };
}

/** Refuses tensors of different types, which would have to be rounded to be mixed. */
export function checkSameTypes(a: Parameters, b: Parameters, where: string): void {
  const other = Object.entries(a).find(([name, { dtype }]) => b[name]?.dtype !== dtype);
  check(!other, () => ({
    code: "different-types",
    where: `${where}, tensor ${JSON.stringify(other?.[0])}`,
    message: `expected ${other?.[1].dtype} as in the first, got ${(b[other?.[0] ?? ""] as Tensor | undefined)?.dtype}`,
    remedy: "convert both to one type",
  }));
}

/** The weights of another file that are compared with those of the first, if they can be. */
export async function readLike(
  a: WeightsFile,
  { path, like, call }: { readonly path: string; readonly like: Parameters; readonly call: Call },
): Promise<Parameters> {
  await using b = await weightsOf(path, call);
  checkSameNetwork(a, b);
  const parameters = await b.read();
  checkSameTypes(like, parameters, path);
  return parameters;
}
