import { type Factor, type GroupElement, identity } from "../../symmetry/index.ts";
import { type Tensor, tensor } from "../../tensor/index.ts";
import {
  assignUnits,
  currentValue,
  dot,
  type Gains,
  type GramEngine,
  type UnitAssignment,
  withBestSigns,
  withSigns,
} from "../matching/index.ts";
import type { NetworkStack, StackedTensor } from "./network-stack.ts";
import { argmaxOnUnit, bernsteinTerm, valueAt } from "./polynomial.ts";
import { actAt, blend, type SoftElements, type SoftEngine, unitsAt } from "./soft-element.ts";

/** An iteration of Frank-Wolfe. */
export interface FrankWolfeStep {
  /** The objective before the step. */
  readonly objective: number;
  /** How much more the objective could be if it were linear: 0 at a stationary point. */
  readonly gap: number;
  /** How far it went towards the best vertex, from 0 to 1. */
  readonly step: number;
}

export interface FrankWolfeOptions {
  readonly softs: SoftEngine;
  readonly grams: GramEngine;
  readonly iterations: number;
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: (iteration: number) => void;
}

/** Where the gap is this small, relative to the objective, nothing more is to be had. */
const STATIONARY = 1e-6;

/**
 * Maximises f(S) = sum over networks i < j of <S_i x_i, S_j x_j> over matrices S in the hull of the group's signed
 * permutations by the method of Frank and Wolfe, all factors and networks at once: a linear assignment for each gives the
 * vertex D that is best for the gradient, and the step is the exact maximum of the polynomial f((1 - t) S + t D).
 */
export async function frankWolfe(
  stack: NetworkStack,
  start: SoftElements,
  options: FrankWolfeOptions,
): Promise<{ readonly elements: readonly GroupElement[]; readonly steps: readonly FrankWolfeStep[] }> {
  const steps: FrankWolfeStep[] = [];
  const duals = new Map<string, UnitAssignment["duals"]>();
  let soft = start;
  while (steps.length < options.iterations) {
    options.signal?.throwIfAborted();
    const gradient = await gradientAt(stack, soft, options);
    const best = verticesFor(stack, gradient, { duals, signal: options.signal });
    const here = gradient.map((each, slot) => dot(each, (soft[slot] as Tensor).data as Float64Array));
    const gap = best.value - here.reduce((sum, x) => sum + x, 0);
    const line = await alongLine(stack, { soft, elements: best.elements }, options.softs);
    const step = gap > STATIONARY * Math.abs(valueAt(line, 0)) ? argmaxOnUnit(line) : 0;
    steps.push({ objective: valueAt(line, 0), gap, step });
    options.onStep?.(steps.length - 1);
    if (step === 0) break;
    soft = blend(stack, soft, { elements: best.elements, weight: step });
  }
  const numbers = soft.map(({ data }) => Float64Array.from(data as Float64Array));
  return { elements: verticesFor(stack, numbers, { duals: new Map(), signal: options.signal }).elements, steps };
}

/**
 * The gradient by slot, shaped as the matrices are: the sum over its sites of R Y', unfolded there, where R is what the
 * other networks have in sum, and Y the network under the matrices of all other sites.
 */
export async function gradientAt(
  { group, networks, slots, tensors }: NetworkStack,
  soft: SoftElements,
  { softs, grams }: Pick<FrankWolfeOptions, "softs" | "grams">,
): Promise<Float64Array[]> {
  const gradient = slots.map(({ factor }) => {
    const { copies, size } = group.factors[factor] as Factor;
    return new Float64Array(networks * copies * size * size);
  });
  for (const { values, sites } of tensors) {
    const without: Tensor[] = [];
    for (const site of sites) {
      let moved = values;
      for (const other of sites) if (other !== site) moved = await softs.act(soft, { values: moved, site: other });
      without.push(moved);
    }
    const last = sites.at(-1);
    if (!last) continue;
    const others = sumOfOthers(await softs.act(soft, { values: without.at(-1) as Tensor, site: last }));
    for (const [i, site] of sites.entries()) {
      const { data } = await grams.gram(unitsAt(others, site), unitsAt(without[i] as Tensor, site));
      add(gradient[site.slot] as Float64Array, data as Float64Array);
    }
  }
  return gradient;
}

/** For each network what all others have together. */
function sumOfOthers({ dtype, shape, data }: Tensor): Tensor {
  const [own, length] = [data as Float64Array, data.length / (shape[0] as number)];
  const total = totalOf({ dtype, shape, data });
  const others = own.map((x, i) => (total[i % length] as number) - x);
  return tensor(dtype, shape, others as Float64Array<ArrayBuffer>);
}

function totalOf({ shape, data }: Tensor): Float64Array {
  const length = data.length / (shape[0] as number);
  const total = new Float64Array(length);
  for (let start = 0; start < data.length; start += length) {
    for (let i = 0; i < length; i++) total[i] = (total[i] as number) + (data[start + i] as number);
  }
  return total;
}

interface Solving {
  /** By network and factor, of the last assignment. */
  readonly duals: Map<string, UnitAssignment["duals"]>;
  readonly signal: AbortSignal | undefined;
}

/** For each network the element whose matrices have the largest inner product with those given, and the sum of these. */
function verticesFor({ group, networks, slots }: NetworkStack, by: readonly Float64Array[], solving: Solving) {
  let value = 0;
  const elements = Array.from({ length: networks }, (_, network) => {
    let element = identity(group);
    for (const factor of new Set(slots.map((slot) => slot.factor))) {
      const own = group.factors[factor] as Factor;
      const gains = slots.flatMap((slot, i): Gains[] => {
        if (slot.factor !== factor) return [];
        const count = own.copies * own.size ** 2;
        return [
          { signs: slot.signs, values: (by[i] as Float64Array).subarray(network * count, (network + 1) * count) },
        ];
      });
      const known = solving.duals.get(`${network} ${factor}`);
      const { units, duals } = assignUnits(withBestSigns(gains), own, (copy) => ({
        duals: known?.[copy],
        ...(solving.signal && { signal: solving.signal }),
      }));
      solving.duals.set(`${network} ${factor}`, duals);
      const moved = { ...element, permutations: element.permutations.with(factor, units) };
      element = withSigns(gains, moved, { factor, size: own.size });
      value += currentValue(gains, element, { factor, size: own.size });
    }
    return element;
  });
  return { elements, value };
}

interface Line {
  readonly soft: SoftElements;
  readonly elements: readonly GroupElement[];
}

/** The coefficients of the objective at (1 - t) S + t D, from the constant on. */
export async function alongLine(stack: NetworkStack, line: Line, softs: SoftEngine): Promise<number[]> {
  const coefficients: number[] = [];
  for (const each of stack.tensors) {
    const terms = await termsOf(stack, each, { ...line, softs });
    const totals = terms.map(totalOf);
    const degree = 2 * each.sites.length;
    for (const [m, one] of terms.entries()) {
      for (const [n, other] of terms.entries()) {
        const pairs = dot(totals[m] as Float64Array, totals[n] as Float64Array);
        const own = dot(one.data as Float64Array, other.data as Float64Array);
        for (const [k, c] of bernsteinTerm((pairs - own) / 2, degree - m - n, m + n).entries()) {
          coefficients[k] = (coefficients[k] ?? 0) + c;
        }
      }
    }
  }
  return coefficients;
}

/** Tensors c_m such that a parameter at t is the sum of c_m (1 - t)^(k - m) t^m, where it has k sites. */
async function termsOf(
  stack: NetworkStack,
  { values, sites }: StackedTensor,
  { soft, elements, softs }: Line & { readonly softs: SoftEngine },
): Promise<Tensor[]> {
  let terms = [values];
  for (const site of sites) {
    const next: Tensor[] = [];
    for (const term of terms) next.push(await softs.act(soft, { values: term, site }));
    for (const [m, term] of terms.entries()) {
      const moved = actAt(stack, elements, { values: term, site });
      const known = next[m + 1];
      if (known) add(known.data as Float64Array, moved.data as Float64Array);
      else next.push(moved);
    }
    terms = next;
  }
  return terms;
}

function add(to: Float64Array, more: Float64Array): void {
  for (let i = 0; i < to.length; i++) to[i] = (to[i] as number) + (more[i] as number);
}
