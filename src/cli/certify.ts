import {
  compareOrbits,
  type GroupElement,
  isMove,
  movedUnits,
  restores,
  type SymmetryGroup,
} from "../symmetry/index.ts";
import { certificateJson, certificateLines, certificateOf, certificateOptions } from "./certificate.ts";
import type { Call, Command, Outcome } from "./command.ts";
import { checkSameNetwork } from "./same-network.ts";
import { notesOn, weightsOf, weightsOptions } from "./weights-options.ts";
import { describeElement } from "./written-weights.ts";

export const command: Command = {
  summary: "whether two checkpoints are one function, and one orbit",
  usage: "<a> <b> [options]",
  options: {
    group: { help: "also say through which element of the group" },
    ...weightsOptions,
    ...certificateOptions,
  },
  positionals: [2, 2],
  examples: ["certify model.onnx twin.onnx --group"],
  run,
};

async function run(call: Call): Promise<Outcome> {
  const [first, second] = call.positionals as readonly [string, string];
  await using a = await weightsOf(first, call);
  await using b = await weightsOf(second, call);
  checkSameNetwork(a, b);
  const { group } = a.discovery;
  const [x, y] = [await a.read(), await b.read()];
  const orbit = compareOrbits(group, x, y);
  const element = orbit.element;
  // What is found between rounded weights moves them only nearly, and outputs differ by more than by a move.
  const isMade = element && (!isMove(element) || restores(group, element, { before: x, after: y }));
  const certificate = await certificateOf(a, { a: x, b: y, ...(isMade && { element }) }, call);
  const isSame = orbit.sameOrbit ? "yes" : "no";
  const through = element && call.options.group ? { element: elementJson(group, element) } : {};
  const { ok: sameFunction, ...rest } = certificateJson(certificate);
  return {
    json: {
      sameFunction,
      ...rest,
      sameOrbit: orbit.sameOrbit,
      orbitDifference: orbit.maxRelative,
      assumptions: a.assumptions,
      ...through,
    },
    text: [
      ...notesOn(a),
      ...certificateLines(certificate),
      `same orbit under permutations, scales and signs: ${isSame}`,
      ...(element ? elementLines(group, element, call.options.group === true) : []),
    ],
    status: sameFunction ? 0 : 1,
  };
}

function elementJson({ factors, generators }: SymmetryGroup, { permutations, scales }: GroupElement) {
  return {
    permutations: factors.map(({ name, copies }, i) => ({ factor: name, copies, units: [...(permutations[i] ?? [])] })),
    scales: generators.map(({ kind, name }, i) => ({ kind, tensor: name, factors: [...(scales[i] ?? [])] })),
  };
}

function elementLines(group: SymmetryGroup, element: GroupElement, isFull: boolean): string[] {
  const summary = `through: ${describeElement(element, group.factors)}`;
  if (!isFull) return [summary];
  const lines = group.factors.flatMap(({ name, size, permutes }, i) => {
    const units = element.permutations[i] as Int32Array;
    const moved = movedUnits(units, size);
    const shown = [...units.subarray(0, 12)].join(" ");
    return permutes && moved > 0 ? [`  ${name}: ${shown}${units.length > 12 ? " ..." : ""}`] : [];
  });
  return [summary, ...lines];
}
