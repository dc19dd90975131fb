import type { Dataset } from "../data/index.ts";
import type { Model, Parameters } from "../nets/index.ts";
import { checkNetworkTarget, type WeightsFile, writeNetwork } from "../node/index.ts";
import { certifyModels } from "../symmetry/index.ts";
import { convert, fold } from "../tensor/index.ts";
import { evaluate } from "../train/index.ts";
import { certificateJson, certificateLines, samplesOf, seedKey } from "./certificate.ts";
import type { Call, Outcome } from "./command.ts";
import { loadNamed, splitOf } from "./data-options.ts";
import { engineOf } from "./engine-options.ts";
import { formatLoss } from "./format.ts";
import { numberOf, textOf } from "./values.ts";
import { notesOn } from "./weights-options.ts";
import { outputOf } from "./written-weights.ts";

/** The parameters of a file with its network, as far as the network has them. */
export async function modelIn(weights: WeightsFile): Promise<Model> {
  const network = weights.network();
  const all = await weights.read();
  const parameters = network.parameters.map(({ name }) => [name, all[name]] as const);
  return { network, parameters: Object.fromEntries(parameters) as Parameters };
}

interface Change {
  readonly weights: WeightsFile;
  readonly before: Model;
  readonly after: Model;
  /** Where the certificate allows more than rounding. */
  readonly tolerance?: number | undefined;
}

/** Writes a network of other widths, if it computes the same function; what was done, with exit status 1 if it does not. */
export async function writeChanged(
  call: Call,
  { weights, before, after, tolerance }: Change,
  { json, text }: { readonly json: Readonly<Record<string, unknown>>; readonly text: readonly string[] },
): Promise<Outcome> {
  const output = outputOf(call);
  const force = call.options.force === true;
  await checkNetworkTarget(output, after.network, { force, sources: [weights.path] });
  await using engine = await engineOf(call);
  const probes = numberOf(call, "probes", { least: 1, most: 4096, whole: true });
  const allowed = numberOf(call, "tolerance", { above: 0 }) ?? tolerance;
  const data = await samplesOf(call, before.network);
  const found = await certifyModels(before, after, {
    engine,
    key: fold(seedKey(call), "probes"),
    ...(probes !== undefined && { probes }),
    ...(allowed !== undefined && { tolerance: allowed }),
    ...(data && { data }),
  });
  const certificate = { ...found, isRestored: null };
  const loss = await lossOf(call, before, after);
  const proof = { assumptions: weights.assumptions, certificate: certificateJson(certificate), ...(loss && { loss }) };
  const lines = [...notesOn(weights), ...text, ...certificateLines(certificate), ...lossLines(loss)];
  if (!certificate.ok)
    return { json: { output: null, ...json, ...proof }, text: [...lines, "nothing written"], status: 1 };
  await writeNetwork(output, after, force);
  return { json: { output, ...json, ...proof }, text: [...lines, `written to ${output}`] };
}

interface Losses {
  readonly before: number;
  readonly after: number;
}

/** The loss of both on the data set that `--data` names; null without. */
async function lossOf(call: Call, before: Model, after: Model): Promise<Losses | null> {
  const name = textOf(call, "data");
  if (name === undefined) return null;
  const { dataset } = await loadNamed(name, call);
  const { split } = splitOf(call, dataset);
  await using engine = await engineOf(call);
  const of = async ({ network, parameters }: Model) => {
    const narrow = Object.fromEntries(
      Object.entries(parameters).map(([key, value]) => [key, convert(value, "float32")]),
    );
    const [result] = await evaluate(network, [narrow], dataset as Dataset, { engine, split });
    return result?.loss as number;
  };
  return { before: await of(before), after: await of(after) };
}

function lossLines(loss: Losses | null): string[] {
  if (!loss) return [];
  const change = Math.abs(loss.after - loss.before).toExponential(1);
  return [`loss ${formatLoss(loss.before)} before and ${formatLoss(loss.after)} after: a change of ${change}`];
}
