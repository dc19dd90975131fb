import { concat, constant, type ConvAttributes, swapLastAxes, type Value } from "../../graph/index.ts";
import { elementCount, zeros } from "../../tensor/index.ts";
import { type Arrangement, blocksAlong, type Factor, type Placed, positionsAlong, sizesOf } from "./arrangement.ts";
import type { Constants } from "./constants.ts";
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

/** Y[g] = W U[g] with the unfolded input U[g] [C k k, positions x N], for every combination g of outer digits. */
export function convColumns(x: Placed, w: Value, conv: Convolution, order: Arrangement, constants: Constants): Placed {
  const product = w.reshape([w.shape[0] as number, -1]).matmul(unfolded(x, conv, order, constants));
  return { value: inArrangement(product, order), arrangement: order, shape: conv.shapes.y };
}

function inArrangement(product: Value, order: Arrangement): Value {
  const positions = elementCount(sizesOf(aroundChannels(order).inner));
  return product.reshape([...sizesOf(order), (product.shape.at(-1) as number) / positions]);
}

/** dW = sum over g of dY[g] U[g]^T. */
export function convWeightGradColumns(x: Placed, g: Placed, conv: Convolution, constants: Constants): Value {
  const columns = unfolded(x, conv, g.arrangement, constants);
  const rows = g.value.reshape([columns.shape[0] as number, -1, columns.shape.at(-1) as number]);
  return rows.matmul(swapLastAxes(columns)).sum(0).reshape(conv.shapes.w);
}

/** U [outer digits of `order`, C k k, inner digits x N]: for every tap, the inputs that it meets. */
function unfolded({ value, arrangement }: Placed, conv: Convolution, order: Arrangement, constants: Constants): Value {
  const { outer, inner } = aroundChannels(order);
  const [groups, positions] = [outer, inner].map((side) => elementCount(sizesOf(side))) as [number, number];
  const index = unfoldedBlocks(arrangement, conv, { outer, inner });
  const samples = value.shape.at(-1) as number;
  const shape = [groups, index.length / groups / positions, positions * samples];
  const blocks = elementCount(sizesOf(arrangement));
  if (index.length === blocks && index.every((block, i) => block === i)) return value.reshape(shape);
  const rows = blockRows(value, index.includes(blocks));
  return rows.gather(constants.indices([index.length], index)).reshape(shape);
}

function unfoldedBlocks(arrangement: Arrangement, { shapes, attributes }: Convolution, { outer, inner }: Sides) {
  const [down, across] = [windowAxis(shapes, attributes, 0), windowAxis(shapes, attributes, 1)];
  const [channels, rows, columns] = [1, 2, 3].map((axis) => blocksAlong(axis, arrangement)) as [
    number[],
    number[],
    number[],
  ];
  const zero = elementCount(sizesOf(arrangement));
  const outerColumns = positionsAlong(3, outer);
  const innerRows = positionsAlong(2, inner);
  const innerColumns = positionsAlong(3, inner);
  const index: number[] = [];
  for (const [g, row] of positionsAlong(2, outer).entries()) {
    for (const channel of channels) {
      for (let i = 0; i < down.taps; i++) {
        for (let j = 0; j < across.taps; j++) {
          for (const [p, column] of innerColumns.entries()) {
            const h = inputUnder(down, row + (innerRows[p] as number), i);
            const v = inputUnder(across, (outerColumns[g] as number) + column, j);
            index.push(h === null || v === null ? zero : channel + (rows[h] as number) + (columns[v] as number));
          }
        }
      }
    }
  }
  return index;
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
  const [place, rows, columns] = [1, 2, 3].map((axis) => blocksAlong(axis, copied)) as [number[], number[], number[]];
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
