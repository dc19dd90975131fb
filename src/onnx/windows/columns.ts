import { type ConvAttributes, concat, constant, swapLastAxes, type Value } from "../../graph/index.ts";
import { elementCount, zeros } from "../../tensor/index.ts";
import { type Arrangement, blocksAlong, type Factor, type Placed, positionsAlong, sizesOf } from "./arrangement.ts";
import type { Constants } from "./constants.ts";
import { stack, unstack } from "./stack.ts";
import { type ConvShapes, inputUnder, meetings, windowAxis } from "./window-axis.ts";

/** A convolution of one group, with its operands' shapes. */
export interface Convolution {
  readonly attributes: ConvAttributes;
  readonly shapes: ConvShapes;
}

/** What lies outside of the channels' factor of an arrangement, and what inside. */
interface Sides {
  readonly outer: readonly Factor[];
  readonly inner: readonly Factor[];
}

function aroundChannels(arrangement: Arrangement): Sides {
  const at = arrangement.findIndex(({ axis }) => axis === 1);
  return { outer: arrangement.slice(0, at), inner: arrangement.slice(at + 1) };
}

/** Blocks of N elements as the rows of a matrix; the index of a row of zeros is the number of blocks. */
export function blockRows(x: Value, needsZeros: boolean): Value {
  const samples = x.shape.at(-1) as number;
  const rows = x.reshape([elementCount(x.shape) / samples, samples]);
  return needsZeros ? concat([rows, constant(zeros(x.dtype, [1, samples]))], 0) : rows;
}

/** The output that is first in its window of a pool: counting starts there. */
interface Origin {
  readonly row: number;
  readonly column: number;
}

const topLeft: Origin = { row: 0, column: 0 };

/** Whether the outermost digit is the place within windows. */
function isWithinWindows([first, ...rest]: Arrangement): boolean {
  return first?.stride === 1 && rest.some(({ axis, stride }) => axis === first.axis && stride === first.size);
}

/** The origins of outputs whose place in the window, the digit `factor`, is 0, 1, ... */
function originsAlong({ axis, size }: Factor, { row, column }: Origin): Origin[] {
  return Array.from({ length: size }, (_, digit) =>
    axis === 2 ? { row: row + digit, column } : { row, column: column + digit },
  );
}

/**
 * Y[g] = W U[g] with the unfolded input U[g] [C k k, positions x N], for every combination g of outer digits. Places within
 * windows are computed apart from one another, as a pool reads them.
 */
export function convColumns(x: Placed, w: Value, conv: Convolution, order: Arrangement, constants: Constants): Placed {
  return { value: outputs(order, topLeft), arrangement: order, shape: conv.shapes.y };

  function outputs(within: Arrangement, origin: Origin): Value {
    const [first, ...rest] = within as [Factor, ...Factor[]];
    if (isWithinWindows(within)) {
      return stack(
        originsAlong(first, origin).map((next) => outputs(rest, next)),
        0,
      );
    }
    const product = w.reshape([w.shape[0] as number, -1]).matmul(unfolded(x, conv, within, origin, constants));
    return product.reshape([...sizesOf(within), x.value.shape.at(-1) as number]);
  }
}

/** dW = sum over g of dY[g] U[g]^T. */
export function convWeightGradColumns(x: Placed, g: Placed, conv: Convolution, constants: Constants): Value {
  return gradient(g.value, g.arrangement, topLeft).reshape(conv.shapes.w);

  function gradient(value: Value, within: Arrangement, origin: Origin): Value {
    const [first, ...rest] = within as [Factor, ...Factor[]];
    if (isWithinWindows(within)) {
      const origins = originsAlong(first, origin);
      const parts = unstack(value, 0).map((part, i) => gradient(part, rest, origins[i] as Origin));
      return parts.reduce((sum, part) => sum.add(part));
    }
    const columns = unfolded(x, conv, within, origin, constants);
    const rows = value.reshape([columns.shape[0] as number, -1, columns.shape[2] as number]);
    return rows.matmul(swapLastAxes(columns)).sum(0);
  }
}

/** U [outer digits of `order`, C k k, inner digits x N]: for every tap, the inputs that it meets. */
function unfolded(x: Placed, conv: Convolution, order: Arrangement, origin: Origin, constants: Constants): Value {
  const { outer, inner } = aroundChannels(order);
  const [groups, positions] = [outer, inner].map((side) => elementCount(sizesOf(side))) as [number, number];
  const index = unfoldedBlocks(x.arrangement, conv, { outer, inner }, origin);
  const samples = x.value.shape.at(-1) as number;
  const shape = [groups, index.length / groups / positions, positions * samples];
  const blocks = elementCount(sizesOf(x.arrangement));
  if (index.length === blocks && index.every((block, i) => block === i)) return x.value.reshape(shape);
  const rows = blockRows(x.value, index.includes(blocks));
  return rows.gather(constants.indices([index.length], index)).reshape(shape);
}

function unfoldedBlocks(
  arrangement: Arrangement,
  conv: Convolution,
  { outer, inner }: Sides,
  origin: Origin,
): number[] {
  const [down, across] = [windowAxis(conv.shapes, conv.attributes, 0), windowAxis(conv.shapes, conv.attributes, 1)];
  const [channels, rows, columns] = blocksAlongImage(arrangement);
  const zero = elementCount(sizesOf(arrangement));
  const positions = (axis: number, side: readonly Factor[]) => positionsAlong(axis, side);
  const [outerRows, outerColumns] = [positions(2, outer), positions(3, outer)];
  const [innerRows, innerColumns] = [positions(2, inner), positions(3, inner)];
  const index: number[] = [];
  for (const [g, outerRow] of outerRows.entries()) {
    const [firstRow, firstColumn] = [origin.row + outerRow, origin.column + (outerColumns[g] as number)];
    for (const channel of channels) {
      for (let i = 0; i < down.taps; i++) {
        for (let j = 0; j < across.taps; j++) {
          for (const [p, row] of innerRows.entries()) {
            const h = inputUnder(down, firstRow + row, i);
            const v = inputUnder(across, firstColumn + (innerColumns[p] as number), j);
            index.push(h === null || v === null ? zero : channel + (rows[h] as number) + (columns[v] as number));
          }
        }
      }
    }
  }
  return index;
}

/** Blocks along channels, rows and columns. */
function blocksAlongImage(arrangement: Arrangement) {
  return [1, 2, 3].map((axis) => blocksAlong(axis, arrangement)) as [number[], number[], number[]];
}

/**
 * dU[g] = W^T dY[g]; every input then adds up the elements of dU that it was copied to. All inputs gather equally many,
 * some of them from a row of zeros that W^T has at its end.
 */
export function convInputGradColumns(
  g: Placed,
  w: Value,
  conv: Convolution,
  order: Arrangement,
  constants: Constants,
): Placed {
  const { outer, inner } = aroundChannels(g.arrangement);
  const filters = w.shape[0] as number;
  const weights = w.reshape([filters, -1]).transpose().pad([0, 0, 1, 0]);
  const positions = elementCount(sizesOf(inner));
  const rows = g.value.reshape([elementCount(sizesOf(outer)), filters, -1]);
  const blocks = weights.matmul(rows).reshape([-1, (rows.shape[2] as number) / positions]);
  const sources = copiesOf(order, g.arrangement, conv);
  const terms = sources.map((index) => blocks.gather(constants.indices([index.length], index)));
  const sum = terms.reduce((total, term) => total.add(term));
  return {
    value: sum.reshape([...sizesOf(order), sum.shape[1] as number]),
    arrangement: order,
    shape: conv.shapes.x,
  };
}

/** Per list one block of dU for every block of the input, so that the lists together have every copy of each. */
function copiesOf(order: Arrangement, unfoldedOrder: Arrangement, { shapes, attributes }: Convolution): number[][] {
  const [down, across] = [windowAxis(shapes, attributes, 0), windowAxis(shapes, attributes, 1)];
  const taps = down.taps * across.taps;
  const depth = (shapes.x[1] as number) * taps;
  const copied = unfoldedOrder.map((factor) => (factor.axis === 1 ? { ...factor, size: depth + 1 } : factor));
  const [place, rows, columns] = blocksAlongImage(copied);
  const [above, beside] = [meetings(down), meetings(across)];
  const [channels, inputRows, inputColumns] = [1, 2, 3].map((axis) => positionsAlong(axis, order)) as [
    number[],
    number[],
    number[],
  ];
  const found = channels.map((channel, block) =>
    (above[inputRows[block] as number] ?? []).flatMap((vertical) =>
      (beside[inputColumns[block] as number] ?? []).map(
        (horizontal) =>
          (place[channel * taps + vertical.tap * across.taps + horizontal.tap] as number) +
          (rows[vertical.output] as number) +
          (columns[horizontal.output] as number),
      ),
    ),
  );
  return padded(found, place[depth] as number);
}

/** Lists of unequal lengths, transposed, with `filler` where they end. */
export function padded(lists: readonly (readonly number[])[], filler: number): number[][] {
  const longest = Math.max(1, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, i) => lists.map((list) => list[i] ?? filler));
}
