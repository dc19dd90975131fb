import { concat, swapLastAxes, type Value } from "../../graph/index.ts";
import { elementCount } from "../../tensor/index.ts";
import { type Arrangement, blocksAlong, type Placed, positionsAlong, sizesOf } from "./arrangement.ts";
import { blockRows, type Convolution, type Copies, sumOfCopies } from "./columns.ts";
import type { Constants } from "./constants.ts";
import { type Matrix, mostTaps, type ShortCorrelation, shortCorrelation, transposed } from "./cook-toom.ts";
import { inputUnder, meetings, type WindowAxis, windowAxis } from "./window-axis.ts";

/**
 * A convolution [C, H, W] -> [O, H', W'] with few products (Winograd; Lavin and Gray 2015, arXiv 1509.09308): along the
 * rows by the short correlation F(4, k) of n = k + 3 points, along the columns by unfolding. With v one of V = H'/4 bands
 * of four rows and p one of the n points,
 *
 *     M[v, p] = U[p] D[v, p],    y[v] = A^T M[v],
 *     U[p] = sum over i of G[p, i] w[i],    D[v, p] = unfold(sum over h of T[v, p, h] x[h]),
 *
 * where T[v, p] has row p of B^T at the rows that band v reads. A product computes `span` neighbouring columns at once,
 * each with its own shifted copy of the filters: U[p] [span O, (k + span - 1) C], D[v, p] [(k + span - 1) C, W'/span N].
 * Of 5x5 taps this leaves 0.48 of the products, of 3x3 taps half (two thirds where span is 2).
 */
export interface Winograd {
  readonly conv: Convolution;
  readonly rows: ShortCorrelation;
  readonly bands: number;
  readonly span: number;
  /** The windows of the unfolded columns. */
  readonly columns: WindowAxis;
}

/** What a form is made from, beside its operands. */
export interface WinogradOptions {
  readonly plan: Winograd;
  readonly constants: Constants;
}

const rowsPerBand = 4;
/** With fewer channels the transforms cost what the products save. */
const leastChannels = 16;
/** Fewer filters than this fill the product's kernel badly: two columns share one product. */
const filtersOfOneColumn = 64;

/** The plan for a convolution, or null where plain products are as fast (few channels) or more precise (many taps). */
export function planWinograd(conv: Convolution): Winograd | null {
  const { attributes, shapes } = conv;
  const [down, across] = [windowAxis(shapes, attributes, 0), windowAxis(shapes, attributes, 1)];
  const isDense = [down, across].every(({ stride, dilation }) => stride === 1 && dilation === 1);
  const isShort = down.taps >= 3 && down.taps <= mostTaps;
  const [filters, channels] = shapes.w as [number, number];
  if (!isDense || !isShort || channels < leastChannels || down.outputs % rowsPerBand !== 0) return null;
  const span = filters < filtersOfOneColumn && across.outputs % 2 === 0 ? 2 : 1;
  return {
    conv,
    rows: shortCorrelation(rowsPerBand, down.taps),
    bands: down.outputs / rowsPerBand,
    span,
    columns: { ...across, taps: across.taps + span - 1, stride: span, outputs: across.outputs / span },
  };
}

/** Rows outermost, as the transforms read and write them; a band's columns beside their samples. */
export function outputArrangement({ conv: { shapes }, span, columns }: Winograd): Arrangement {
  const [, filters, rows] = shapes.y as [number, number, number];
  const neighbours = span === 1 ? [] : [{ axis: 3, size: span, stride: 1 }];
  return [
    { axis: 2, size: rows, stride: 1 },
    ...neighbours,
    { axis: 1, size: filters, stride: 1 },
    { axis: 3, size: columns.outputs, stride: span },
  ];
}

/** Whether the transform can read that arrangement: its rows are whole and outermost. */
export function hasOuterRows([first]: Arrangement, rows: number): boolean {
  return first?.axis === 2 && first.size === rows;
}

/** The convolution by the plan, in `outputArrangement`. */
export function convWinograd(x: Placed, w: Value, { plan, constants }: WinogradOptions): Placed {
  const { rows, conv } = plan;
  const products = transformedWeights(w, plan, constants).matmul(unfoldedBands(x, plan, constants));
  const [bands, , , width] = products.shape as [number, number, number, number];
  const transform = constants.matrix(rows.outputTransform);
  const y = transform.matmul(products.reshape([bands, rows.products, -1]));
  const arrangement = outputArrangement(plan);
  const samples = width / plan.columns.outputs;
  return { value: y.reshape([...sizesOf(arrangement), samples]), arrangement, shape: conv.shapes.y };
}

/** dU[p] = sum over v of dM[v, p] D[v, p]^T with dM[v] = A dy[v], and dw = G^T dU, summed over the shifted copies. */
export function convWeightGradWinograd(x: Placed, g: Placed, { plan, constants }: WinogradOptions): Value {
  const { rows, conv, span } = plan;
  const [filters, channels, down, across] = conv.shapes.w as [number, number, number, number];
  const products = productGradients(g, plan, constants).matmul(swapLastAxes(unfoldedBands(x, plan, constants)));
  const copies = products.sum(0).reshape([rows.products, span, filters, plan.columns.taps, channels]);
  const shifted = Array.from({ length: span }, (_, r) => copies.slice(1, r, r + 1).slice(3, r, r + across));
  const transformed = shifted.reduce((sum, copy) => sum.add(copy)).reshape([rows.products, -1]);
  const gradient = constants.matrix(transposed(rows.tapTransform)).matmul(transformed);
  const byTap = gradient.reshape([down, filters, across, channels]).transpose([0, 2, 1, 3]);
  return byTap
    .reshape([down * across, filters * channels])
    .transpose()
    .reshape(conv.shapes.w);
}

/** dD[v, p] = U[p]^T dM[v, p]; every column adds up its copies, and T^T turns points back into rows. */
export function convInputGradWinograd(
  g: Placed,
  w: Value,
  { plan, order, constants }: WinogradOptions & { readonly order: Arrangement },
): Placed {
  const { rows, bands, conv } = plan;
  const products = transformedWeightsAcross(w, plan, constants).matmul(productGradients(g, plan, constants));
  const blocks = products.reshape([-1, (products.shape[3] as number) / plan.columns.outputs]);
  const sums = sumOfCopies(blocks, copiesOfColumns(order.slice(1), plan), constants);
  const points = sums.reshape([bands * rows.products, -1]);
  const value = constants.matrix(transposed(inputTransform(plan))).matmul(points);
  return { value: value.reshape([...sizesOf(order), -1]), arrangement: order, shape: conv.shapes.x };
}

/** T [(v, p), H]. */
function inputTransform({ rows, bands, conv: { shapes, attributes } }: Winograd): Matrix {
  const [height, above] = [shapes.x[2] as number, attributes.pads[0] as number];
  return Array.from({ length: bands }, (_, v) =>
    rows.inputTransform.map((weights) =>
      Array.from({ length: height }, (_, h) => weights[h + above - v * rows.outputs] ?? 0),
    ),
  ).flat();
}

/** D [v, p, (j, c), (u, N)]. */
function unfoldedBands(x: Placed, plan: Winograd, constants: Constants): Value {
  const { rows, bands, columns, conv } = plan;
  const [, channels, height] = conv.shapes.x as [number, number, number];
  const points = constants.matrix(inputTransform(plan)).matmul(x.value.reshape([height, -1]));
  const samples = x.value.shape.at(-1) as number;
  const index = unfoldedColumns(x.arrangement.slice(1), plan);
  const zero = elementCount(points.shape) / samples;
  const unfolded = blockRows(points.reshape([-1, samples]), index.includes(zero)).gather(
    constants.indices([index.length], index),
  );
  return unfolded.reshape([bands, rows.products, columns.taps * channels, columns.outputs * samples]);
}

function unfoldedColumns(order: Arrangement, { rows, bands, columns }: Winograd): number[] {
  const [channels, places] = [blocksAlong(1, order), blocksAlong(3, order)];
  const blocks = elementCount(sizesOf(order));
  const points = Array.from({ length: bands * rows.products }, (_, point) => point * blocks);
  const zero = points.length * blocks;
  const outputs = Array.from({ length: columns.outputs }, (_, u) => u);
  const taps = Array.from({ length: columns.taps }, (_, j) => outputs.map((u) => inputUnder(columns, u, j)));
  return points.flatMap((point) =>
    taps.flatMap((inputs) =>
      channels.flatMap((channel) =>
        inputs.map((input) => (input === null ? zero : point + channel + (places[input] as number))),
      ),
    ),
  );
}

/** Where dD has the copies of every block (a point, a channel, a column) of the transformed input. */
function copiesOfColumns(order: Arrangement, { rows, bands, columns, conv }: Winograd): Copies {
  const channels = conv.shapes.x[1] as number;
  const depth = columns.taps * channels + 1;
  const met = meetings(columns);
  const [channelOf, columnOf] = [positionsAlong(1, order), positionsAlong(3, order)];
  const lists = Array.from({ length: bands * rows.products }, (_, point) =>
    channelOf.map((channel, block) =>
      (met[columnOf[block] as number] ?? []).map(
        ({ tap, output }) => (point * depth + tap * channels + channel) * columns.outputs + output,
      ),
    ),
  ).flat();
  return { lists, zero: (depth - 1) * columns.outputs };
}

/** A dy: [v, p, (r, o), (u, N)]. */
function productGradients(g: Placed, { rows, bands, span, conv }: Winograd, constants: Constants): Value {
  const transform = constants.matrix(transposed(rows.outputTransform));
  const gradients = transform.matmul(g.value.reshape([bands, rows.outputs, -1]));
  return gradients.reshape([bands, rows.products, span * (conv.shapes.w[0] as number), -1]);
}

/** U [p, (r, o), (j, c)]: the filters at each point, shifted by r columns. */
function transformedWeights(w: Value, { rows, span, conv }: Winograd, constants: Constants): Value {
  const [filters, channels, down, across] = conv.shapes.w as [number, number, number, number];
  const byTap = w.reshape([filters * channels, down * across]).transpose();
  const byRow = byTap.reshape([down, across, filters, channels]).transpose([0, 2, 1, 3]).reshape([down, -1]);
  const points = constants.matrix(rows.tapTransform).matmul(byRow).reshape([rows.products, filters, across, channels]);
  const copies = shifts(span).map(([before, after]) => points.pad([0, 0, before, 0, 0, 0, after, 0]));
  return concat(copies, 1).reshape([rows.products, span * filters, -1]);
}

/**
 * U^T [p, (j, c) and a row of zeros, (r, o)], from the weights: a product that reads its left operand transposed takes
 * 1.3 times as long.
 */
function transformedWeightsAcross(w: Value, { rows, span, conv }: Winograd, constants: Constants): Value {
  const [filters, channels, down, across] = conv.shapes.w as [number, number, number, number];
  const byTap = w.reshape([filters, channels * down * across]).transpose();
  const byRow = byTap.reshape([channels, down, across, filters]).transpose([1, 2, 0, 3]).reshape([down, -1]);
  const points = constants.matrix(rows.tapTransform).matmul(byRow).reshape([rows.products, across, channels, filters]);
  const copies = shifts(span).map(([before, after]) =>
    points.pad([0, before, 0, 0, 0, after, 0, 0]).reshape([rows.products, -1, filters]),
  );
  return concat(copies, 2).pad([0, 0, 0, 0, 1, 0]);
}

/** Columns before and after the filters in each of their copies. */
function shifts(span: number): [number, number][] {
  return Array.from({ length: span }, (_, r) => [r, span - 1 - r]);
}
