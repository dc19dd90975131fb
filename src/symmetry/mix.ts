import { check, InputError } from "../errors.ts";
import type { Parameters } from "../nets/index.ts";
import { convert, elementCount, stridesOf, type Tensor, tensor, toNumbers } from "../tensor/index.ts";
import { act } from "./act.ts";
import { type GroupElement, identity } from "./element.ts";
import type { Factor, Layout, Run, SymmetryGroup } from "./group.ts";
import { inverted, transposed } from "./linear-algebra.ts";
import { eachLine, matrixFactor, type Strand, strandsOf } from "./strands.ts";

/**
 * The parameters after a matrix per copy mixed the units of a factor: A where they are written, its inverse transpose
 * where they are read. Whether A is in the group (orthogonal, mean-keeping) is for the caller to know.
 *
 * @param matrices [copies, n, n] row-major, for a rotary factor [copies, n, 2]: complex factors, one for each plane
 */
export function mix(
  group: SymmetryGroup,
  factorIndex: number,
  matrices: Float64Array,
  parameters: Parameters,
): Parameters {
  const factor = matrixFactor(group, factorIndex);
  checkLength(factor, matrices);
  checkGains(factor, parameters);
  const actions: Actions = { written: matrices, read: contragredient(factor, matrices) };
  const mixed = Object.entries(parameters).map(([name, value]) => {
    const isFixed = factor.gains.includes(name) || !Object.hasOwn(group.layouts, name);
    const layout = group.layouts[name] as Layout;
    const strands = isFixed ? [] : strandsOf(group, factorIndex, layout);
    return [name, strands.length > 0 ? mixTensor(layout, value, { factor, strands, actions }) : value] as const;
  });
  return Object.fromEntries(mixed);
}

/** The number of dimensions of a factor's matrix group, in all its copies. */
export function matrixDimension({ matrix, size: n, copies }: Factor): number {
  switch (matrix) {
    case "general-linear":
      return copies * n * n;
    case "orthogonal":
      return (copies * n * (n - 1)) / 2;
    case "orthogonal-mean":
      return (copies * (n - 1) * (n - 2)) / 2;
    case "rotary":
      return copies * n * 2;
    default:
      return 0;
  }
}

/** The same function with all gains of a factor's norms at 1, their values in what reads the norms. */
export function absorbGains(group: SymmetryGroup, factorIndex: number, parameters: Parameters): Parameters {
  const { gains } = matrixFactor(group, factorIndex);
  const absorbed = act(group, absorbingElement(group, factorIndex, parameters), parameters);
  // x times 1 / x may differ from 1 in its last digit.
  const ones = gains.map((name) => {
    const gain = absorbed[name] as Tensor;
    const { dtype, shape } = gain;
    if (!toNumbers(gain).every((x) => Math.abs(x - 1) < 0.01)) throw new Error(`internal: ${name} was not absorbed`);
    return [name, convert(tensor("float64", shape, new Float64Array(elementCount(shape)).fill(1)), dtype)] as const;
  });
  return { ...absorbed, ...Object.fromEntries(ones) };
}

/** The element that brings all gains of a factor's norms to 1; its inverse brings ones to these gains. */
export function absorbingElement(group: SymmetryGroup, factorIndex: number, parameters: Parameters): GroupElement {
  const { gains } = matrixFactor(group, factorIndex);
  const element = identity(group);
  for (const name of gains) {
    const gain = toNumbers(parameters[name] as Tensor);
    check(
      gain.every((x) => x !== 0 && Number.isFinite(x)),
      () => ({
        code: "zero-gain",
        where: `"${name}"`,
        message: "expected gains that can be divided by, got 0 or what is not a number",
        remedy: "remove the units that it silences",
      }),
    );
    const [{ powers }] = (group.layouts[name] as Layout).axes[0] as [Run];
    for (const kind of ["scale", "sign"] as const) {
      // Of several generators the last is the gain's own.
      const own = powers.filter(({ generator }) => group.generators[generator]?.kind === kind).at(-1);
      if (!own) continue;
      const scales = element.scales[own.generator] as Float64Array;
      scales.set(gain.map((x) => (kind === "sign" ? Math.sign(x) : Math.abs(x) ** (-1 / own.exponent))));
    }
  }
  return element;
}

function checkLength({ name, matrix, size, copies }: Factor, matrices: Float64Array): void {
  const shape = [copies, size, matrix === "rotary" ? 2 : size];
  check(matrices.length === elementCount(shape), () => ({
    code: "bad-shape",
    where: `factor "${name}"`,
    message: `expected ${shape.join(" x ")} numbers, got ${matrices.length}`,
  }));
}

function checkGains({ gains }: Factor, parameters: Parameters): void {
  const other = gains.find((name) => !toNumbers(parameters[name] as Tensor).every((gain) => gain === 1));
  check(other === undefined, () => ({
    code: "gain-not-absorbed",
    where: `"${other}"`,
    message: "expected all gains to be 1 before an orthogonal matrix acts",
    remedy: "call absorbGains first",
  }));
}

/** What acts on units where they are written and where they are read, copy after copy. */
interface Actions {
  readonly written: Float64Array;
  readonly read: Float64Array;
}

/** The inverse transpose of each matrix; 1 / conj(z) of each complex factor. */
function contragredient({ name, matrix, size: n, copies }: Factor, matrices: Float64Array): Float64Array {
  if (matrix === "orthogonal" || matrix === "orthogonal-mean") return matrices;
  const result = new Float64Array(matrices.length);
  const [count, length] = matrix === "rotary" ? [copies * n, 2] : [copies, n * n];
  for (let i = 0; i < count; i++) {
    const own = matrices.subarray(i * length, (i + 1) * length);
    const inverse = matrix === "rotary" ? reciprocal(own) : inverted(own, n);
    if (!inverse?.every(Number.isFinite)) {
      throw new InputError({
        code: "singular-matrix",
        where: `factor "${name}"`,
        message: `expected invertible matrices, got a singular one at ${i}`,
      });
    }
    result.set(matrix === "rotary" ? inverse : transposed(inverse, n), i * length);
  }
  return result;
}

/** 1 / conj(z) = z / |z|^2. */
function reciprocal(z: Float64Array): Float64Array {
  const square = z.reduce((sum, x) => sum + x * x, 0);
  return z.map((x) => x / square);
}

interface Mixture {
  readonly factor: Factor;
  readonly strands: readonly Strand[];
  readonly actions: Actions;
}

function mixTensor(layout: Layout, value: Tensor, { factor, strands, actions }: Mixture): Tensor {
  const data = Float64Array.from(toNumbers(value));
  for (const strand of strands) {
    const matrices = strand.isRead ? actions.read : actions.written;
    if (factor.matrix === "rotary") turnLines(data, layout, { strand, size: factor.size, matrices });
    else multiplyLines(data, layout, { strand, size: factor.size, matrices });
  }
  return convert(tensor("float64", value.shape, data), value.dtype);
}

interface Lines {
  readonly strand: Strand;
  readonly size: number;
  readonly matrices: Float64Array;
}

function multiplyLines(data: Float64Array, layout: Layout, { strand, size: n, matrices }: Lines): void {
  const units = new Float64Array(n);
  eachLine(layout, strand, (start, stride, copy) => {
    for (let i = 0; i < n; i++) units[i] = data[start + i * stride] as number;
    for (let i = 0, at = copy * n * n; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++, at++) sum += (matrices[at] as number) * (units[j] as number);
      data[start + i * stride] = sum;
    }
  });
}

function turnLines(data: Float64Array, layout: Layout, { strand, size: n, matrices }: Lines): void {
  const apart = strand.apart * (stridesOf(layout.shape)[strand.axis] as number);
  eachLine(layout, strand, (start, stride, copy) => {
    for (let i = 0; i < n; i++) {
      const real = start + i * stride;
      const [x, y] = [data[real] as number, data[real + apart] as number];
      const [a, b] = [matrices[2 * (copy * n + i)] as number, matrices[2 * (copy * n + i) + 1] as number];
      data[real] = a * x - b * y;
      data[real + apart] = b * x + a * y;
    }
  });
}
