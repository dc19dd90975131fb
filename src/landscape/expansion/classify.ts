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
import { inFloat64, lengthOf } from "./unit-rows.ts";

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
  const scene: Scene = { own, model, thresholds, sign: f?.parity?.sign ?? null };
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
  readonly sign: number | null;
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

function copyIn({ own, model, thresholds, sign }: Scene, unit: number): UnitClass | null {
  for (const isFlipped of sign === null ? [false] : [false, true]) {
    for (let of = 0; of < model.units.count; of++) {
      const like = likeness(own.vectors, model.vectors, { ...thresholds, isFlipped, i: unit, j: of });
      if (like) return { kind: "copy", of, isFlipped, ...like };
    }
  }
  return null;
}

/** Sets of equal units, of those in `rest`, that cancel each other. */
function zeroGroups({ own, thresholds }: Scene, rest: readonly number[]): Map<number, UnitClass> {
  const parts = own.vectors.parts.map((part) => rest.map((unit) => part[unit] as (typeof part)[number]));
  const { groups } = alikeUnits(
    { parts },
    rest.map(() => 0),
    thresholds,
  );
  const classes = groups.flatMap((group) => {
    const members = group.map((i) => rest[i] as number);
    const residual = lengthOfSum(
      own.units,
      members.map((unit) => ({ unit, factor: 1 })),
    );
    return residual > thresholds.zero
      ? []
      : members.map((unit): [number, UnitClass] => [unit, { kind: "zero", members, residual }]);
  });
  return new Map(classes);
}

function unexplained({ own, model }: Scene, unit: number): UnitClass {
  const angles = Array.from({ length: model.units.count }, (_, of) =>
    angleBetween(own.vectors, model.vectors, [unit, of]),
  );
  const angle = Math.min(...angles);
  const outgoing = lengthOfSum(own.units, [{ unit, factor: 1 }]);
  return { kind: "unexplained", nearest: angles.indexOf(angle), angle, outgoing };
}

function makeUp({ own, model, sign }: Scene, units: readonly UnitClass[], of: number) {
  const copies = units.flatMap((each, unit) =>
    each.kind === "copy" && each.of === of ? [{ unit, factor: each.isFlipped ? (sign ?? 1) : 1 }] : [],
  );
  const residual = Math.hypot(
    ...own.units.outgoing.map((rows, place) => {
      const wanted = model.units.outgoing[place]?.[of] as Float64Array;
      return lengthOf(
        wanted.map((x, i) => copies.reduce((sum, { unit, factor }) => sum + factor * (rows[unit]?.[i] as number), -x)),
      );
    }),
  );
  return { copies: copies.map(({ unit }) => unit), residual };
}

function lengthOfSum(
  { outgoing }: GaugedUnits,
  terms: readonly { readonly unit: number; readonly factor: number }[],
): number {
  return Math.hypot(
    ...outgoing.map((rows) =>
      lengthOf(
        (rows[0] as Float64Array).map((_, i) =>
          terms.reduce((sum, { unit, factor }) => sum + factor * (rows[unit]?.[i] as number), 0),
        ),
      ),
    ),
  );
}
