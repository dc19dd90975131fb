import { check } from "../../errors.ts";
import type { Model } from "../../nets/index.ts";
import { constantUnits } from "./constant-units.ts";
import { type GaugedUnits, gaugedUnits } from "./gauged-units.ts";
import { type HiddenLayer, hiddenLayer } from "./hidden-layers.ts";
import {
  alikeUnits,
  angleBetween,
  defaultThresholds,
  type Likeness,
  likeness,
  type Thresholds,
  type UnitVectors,
  unitVectors,
} from "./kinship.ts";
import { unitFunction } from "./unit-function.ts";
import { inFloat64 } from "./unit-rows.ts";
import { scaled, silence, sizeOf, sumOfUnits, type UnitWeights, unitDistance, unitOf } from "./unit-weights.ts";

/** What a unit of a student is, in terms of a teacher. */
export type UnitClass =
  /** It has the incoming weights of a unit of the teacher up to the scales and signs of the group, or the opposite ones. */
  | (Likeness & { readonly kind: "copy"; readonly of: number; readonly isFlipped: boolean })
  /** It is one of `members` equal units, the outgoing weights of which have a sum of this length. */
  | { readonly kind: "zero"; readonly members: readonly number[]; readonly residual: number }
  /** It has no incoming weights. */
  | { readonly kind: "constant"; readonly output: number }
  /** None of these: at this angle from the nearest unit of the teacher, with outgoing weights of this length. */
  | { readonly kind: "unexplained"; readonly nearest: number; readonly angle: number; readonly outgoing: number };

/** The units of a student's layer, and how well they make up the teacher's. */
export interface Classification {
  readonly units: readonly UnitClass[];
  /** For each unit of the teacher its copies, and how far their outgoing weights add up to others than its own. */
  readonly teacher: readonly { readonly copies: readonly number[]; readonly residual: number }[];
}

/**
 * Says of each unit of an overparameterised layer whether it is a copy of a unit of the teacher, one of a zero-type group,
 * constant, or unexplained. What the layer reads must be what the teacher's reads: reduce the layers before it first.
 */
export async function classifyUnits(
  student: Model,
  teacher: Model,
  { layer: which, ...options }: Thresholds & { readonly layer: string | number },
): Promise<Classification> {
  const thresholds = { ...defaultThresholds, ...options };
  const layer = hiddenLayer(student.network, which);
  const own = sideOf(layer, student);
  const model = sideOf(hiddenLayer(teacher.network, which), teacher);
  checkAlike(own, model, layer.name);
  const f = await unitFunction(layer);
  const constants = await constantUnits({ layer, f, parameters: inFloat64(student.parameters), thresholds });
  const outputs = new Map(constants.map(({ unit, output }) => [unit, output]));
  const { sign = null, slope = 0 } = f?.parity ?? {};
  const scene: Scene = { own, model, thresholds, sign, isLevel: slope === 0 };
  const found = Array.from({ length: own.units.count }, (_, unit): UnitClass | null => {
    const output = outputs.get(unit);
    return output === undefined ? copyIn(scene, unit) : { kind: "constant", output };
  });
  const rest = [...found.keys()].filter((unit) => found[unit] === null);
  const zero = zeroGroups(scene, rest);
  const units = found.map((each, unit) => each ?? zero.get(unit) ?? unexplained(scene, unit));
  return { units, teacher: Array.from({ length: model.units.count }, (_, of) => makeUp(scene, units, of)) };
}

interface Side {
  readonly units: GaugedUnits;
  readonly vectors: UnitVectors;
}

interface Scene {
  readonly own: Side;
  readonly model: Side;
  readonly thresholds: Required<Thresholds>;
  /** What becomes of the outgoing weights where incoming ones are turned round; null where that is another function. */
  readonly sign: 1 | -1 | null;
  /** Whether no linear function is left over then. */
  readonly isLevel: boolean;
}

function sideOf(layer: HiddenLayer, { parameters }: Model): Side {
  const units = gaugedUnits(layer, inFloat64(parameters));
  return { units, vectors: unitVectors(layer, units) };
}

function checkAlike({ units: a }: Side, { units: b }: Side, name: string): void {
  const lengths = ({ incoming, outgoing }: GaugedUnits) =>
    [...incoming, ...outgoing].map((rows) => rows[0]?.length).join(", ");
  check(lengths(a) === lengths(b), () => ({
    code: "different-networks",
    where: `layer ${JSON.stringify(name)}`,
    message: `expected units with as many weights as the teacher's (${lengths(b)}), got ${lengths(a)}`,
    remedy: "reduce the layers around it first",
  }));
}

/** Every unit of the teacher, as it is and turned round. */
function candidates({ model, sign }: Scene): { readonly of: number; readonly isFlipped: boolean }[] {
  const sides = sign === null ? [false] : [false, true];
  return sides.flatMap((isFlipped) => Array.from({ length: model.units.count }, (_, of) => ({ of, isFlipped })));
}

/** The unit of the teacher that it is most alike. */
function copyIn(scene: Scene, unit: number): UnitClass | null {
  const { own, model, thresholds } = scene;
  const found = candidates(scene).flatMap(({ of, isFlipped }) => {
    const like = likeness(own.vectors, model.vectors, { ...thresholds, isFlipped, i: unit, j: of });
    return like ? [{ kind: "copy" as const, of, isFlipped, ...like }] : [];
  });
  return found.toSorted((a, b) => a.angle - b.angle || a.size - b.size)[0] ?? null;
}

/** A unit, and what its outgoing weights count. */
interface Term {
  readonly unit: number;
  readonly factor: number;
}

/** Sets of equal units, of those in `rest`, that cancel each other; opposite ones count where they are equal too. */
function zeroGroups({ own, thresholds, sign, isLevel }: Scene, rest: readonly number[]): Map<number, UnitClass> {
  const parts = own.vectors.parts.map((part) => rest.map((unit) => part[unit] as (typeof part)[number]));
  const { groups } = alikeUnits(
    { parts },
    rest.map(() => 0),
    thresholds,
  );
  const families: Term[][] = [];
  for (const group of groups) {
    const units = group.map((i) => rest[i] as number);
    const opposite = { ...thresholds, isFlipped: true, j: units[0] as number };
    const isOpposite = ([first]: readonly Term[]) =>
      likeness(own.vectors, own.vectors, { ...opposite, i: (first as Term).unit }) !== null;
    const family = sign !== null && isLevel && families.find(isOpposite);
    if (family) family.push(...units.map((unit) => ({ unit, factor: sign })));
    else families.push(units.map((unit) => ({ unit, factor: 1 })));
  }
  const classes = families.flatMap((family) => {
    const members = family.map(({ unit }) => unit).toSorted((a, b) => a - b);
    const residual = sizeOf(sumOf(own.units, family));
    return residual > thresholds.zero
      ? []
      : members.map((unit): [number, UnitClass] => [unit, { kind: "zero", members, residual }]);
  });
  return new Map(classes);
}

function unexplained(scene: Scene, unit: number): UnitClass {
  const { own, model } = scene;
  const all = candidates(scene).map(({ of, isFlipped }) => ({
    of,
    angle: angleBetween(own.vectors, model.vectors, { i: unit, j: of, isFlipped }),
  }));
  const { of, angle } = all.reduce((nearest, each) => (each.angle < nearest.angle ? each : nearest));
  return { kind: "unexplained", nearest: of, angle, outgoing: sizeOf(unitOf(own.units.outgoing, unit)) };
}

function makeUp({ own, model, sign }: Scene, units: readonly UnitClass[], of: number) {
  const copies = units.flatMap((each, unit): Term[] =>
    each.kind === "copy" && each.of === of ? [{ unit, factor: each.isFlipped ? (sign ?? 1) : 1 }] : [],
  );
  const residual = unitDistance(unitOf(model.units.outgoing, of), sumOf(own.units, copies));
  return { copies: copies.map(({ unit }) => unit), residual };
}

/** The outgoing weights of some units together. */
function sumOf({ outgoing }: GaugedUnits, terms: readonly Term[]): UnitWeights {
  const none = silence(unitOf(outgoing, 0));
  return terms.reduce((sum, { unit, factor }) => sumOfUnits(sum, scaled(unitOf(outgoing, unit), factor)), none);
}
