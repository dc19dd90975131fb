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

/** What a form is made from, beside its operands. */
export interface ColumnsOptions {
  readonly conv: Convolution;
  readonly constants: Constants;
}

/** The same, for a result in that arrangement. */
export interface OrderedColumnsOptions extends ColumnsOptions {
  readonly order: Arrangement;
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

/** An output; as an origin, the one in its window of a pool from which counting starts. */
interface Place {
  readonly row: number;
  readonly column: number;
}

const topLeft: Place = { row: 0, column: 0 };

/** Whether the outermost digit is the place within windows. */
function isWithinWindows([first, ...rest]: Arrangement): boolean {
  return first?.stride === 1 && rest.some(({ axis, stride }) => axis === first.axis && stride === first.size);
}

/** The origins of outputs whose place in the window, the digit `factor`, is 0, 1, ... */
function placesInWindow({ axis, size }: Factor, { row, column }: Place): Place[] {
  return Array.from({ length: size }, (_, digit) =>
    axis === 2 ? { row: row + digit, column } : { row, column: column + digit },
  );
}

/**
 * Y[g] = W U[g] with the unfolded input U[g] [C k k, positions x N], for every combination g of outer digits. Places within
 * windows are computed apart from one another, as a pool reads them.
 */
export function convColumns(x: Placed, w: Value, options: OrderedColumnsOptions): Placed {
  const { conv, order } = options;
  return { value: outputs(order, topLeft), arrangement: order, shape: conv.shapes.y };

  function outputs(within: Arrangement, origin: Place): Value {
    const [first, ...rest] = within as [Factor, ...Factor[]];
    if (isWithinWindows(within)) {
      return stack(
        placesInWindow(first, origin).map((next) => outputs(rest, next)),
        0,
      );
    }
    const product = w.reshape([w.shape[0] as number, -1]).matmul(unfolded(x, { ...options, order: within }, origin));
    return product.reshape([...sizesOf(within), x.value.shape.at(-1) as number]);
  }
}

/** dW = sum over g of dY[g] U[g]^T. */
export function convWeightGradColumns(x: Placed, g: Placed, options: ColumnsOptions): Value {
  return gradient(g.value, g.arrangement, topLeft).reshape(options.conv.shapes.w);

  function gradient(value: Value, within: Arrangement, origin: Place): Value {
    const [first, ...rest] = within as [Factor, ...Factor[]];
    if (isWithinWindows(within)) {
      const origins = placesInWindow(first, origin);
      const parts = unstack(value, 0).map((part, i) => gradient(part, rest, origins[i] as Place));
      return parts.reduce((sum, part) => sum.add(part));
    }
    const columns = unfolded(x, { ...options, order: within }, origin);
    const rows = value.reshape([columns.shape[0] as number, -1, columns.shape[2] as number]);
    return rows.matmul(swapLastAxes(columns)).sum(0);
  }
}

/** U [outer digits of `order`, C k k, inner digits x N]: for every tap, the inputs that it meets. */
function unfolded(x: Placed, { conv, order, constants }: OrderedColumnsOptions, origin: Place): Value {
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

function unfoldedBlocks(arrangement: Arrangement, conv: Convolution, { outer, inner }: Sides, origin: Place): number[] {
  const [down, across] = [windowAxis(conv.shapes, conv.attributes, 0), windowAxis(conv.shapes, conv.attributes, 1)];
  const [channels, rows, columns] = blocksAlongImage(arrangement);
  const zero = elementCount(sizesOf(arrangement));
  const taps = Array.from({ length: down.taps * across.taps }, (_, tap) => tap);
  const groups = placesAlong(outer).map((from) =>
    placesAlong(inner).map(({ row, column }) => ({
      row: origin.row + from.row + row,
      column: origin.column + from.column + column,
    })),
  );
  const blockUnder = (output: Place, channel: number, tap: number) => {
    const row = inputUnder(down, output.row, Math.floor(tap / across.taps));
    const column = inputUnder(across, output.column, tap % across.taps);
    return row === null || column === null ? zero : channel + (rows[row] as number) + (columns[column] as number);
  };
  return groups.flatMap((places) =>
    channels.flatMap((channel) => taps.flatMap((tap) => places.map((place) => blockUnder(place, channel, tap)))),
  );
}

/** The places of an image that every combination of digits stands for. */
function placesAlong(factors: readonly Factor[]): Place[] {
  const columns = positionsAlong(3, factors);
  return positionsAlong(2, factors).map((row, i) => ({ row, column: columns[i] as number }));
}

/** Blocks along channels, rows and columns. */
function blocksAlongImage(arrangement: Arrangement) {
  return [1, 2, 3].map((axis) => blocksAlong(axis, arrangement)) as [number[], number[], number[]];
}

/**
 * dU[g] = W^T dY[g]; every input then adds up the elements of dU that it was copied to. All inputs gather equally many,
 * some of them from a row of zeros that W^T has at its end.
 */
export function convInputGradColumns(g: Placed, w: Value, { conv, order, constants }: OrderedColumnsOptions): Placed {
  const { outer, inner } = aroundChannels(g.arrangement);
  const filters = w.shape[0] as number;
  const weights = w.reshape([filters, -1]).transpose().pad([0, 0, 1, 0]);
  const positions = elementCount(sizesOf(inner));
  const rows = g.value.reshape([elementCount(sizesOf(outer)), filters, -1]);
  const blocks = weights.matmul(rows).reshape([-1, (rows.shape[2] as number) / positions]);
  const sum = sumOfCopies(blocks, copiesOf(order, g.arrangement, conv), constants);
  return {
    value: sum.reshape([...sizesOf(order), sum.shape[1] as number]),
    arrangement: order,
    shape: conv.shapes.x,
  };
}

/** The copies of every block of an unfolded tensor. */
export interface Copies {
  readonly lists: readonly (readonly number[])[];
  readonly zero: number;
}

/** Where dU has the copies of every block of the input. */
function copiesOf(order: Arrangement, gradientOrder: Arrangement, { shapes, attributes }: Convolution): Copies {
  const [down, across] = [windowAxis(shapes, attributes, 0), windowAxis(shapes, attributes, 1)];
  const taps = down.taps * across.taps;
  const depth = (shapes.x[1] as number) * taps;
  const withTaps = gradientOrder.map((factor) => (factor.axis === 1 ? { ...factor, size: depth + 1 } : factor));
  const [copies, rows, columns] = blocksAlongImage(withTaps);
  const [above, beside] = [meetings(down), meetings(across)];
  const channels = positionsAlong(1, order);
  const lists = placesAlong(order).map(({ row, column }, block) =>
    (above[row] ?? []).flatMap((vertical) =>
      (beside[column] ?? []).map((horizontal) => {
        const copy = (channels[block] as number) * taps + vertical.tap * across.taps + horizontal.tap;
        return (copies[copy] as number) + (rows[vertical.output] as number) + (columns[horizontal.output] as number);
      }),
    ),
  );
  return { lists, zero: copies[depth] as number };
}

/** For every block of the result the sum of the blocks that its list names; `zero` is a block of zeros. */
export function sumOfCopies(blocks: Value, { lists, zero }: Copies, constants: Constants): Value {
  const most = Math.max(1, ...lists.map(({ length }) => length));
  const terms = Array.from({ length: most }, (_, i) => {
    const index = lists.map((list) => list[i] ?? zero);
    return blocks.gather(constants.indices([index.length], index));
  });
  return terms.reduce((sum, term) => sum.add(term));
}
