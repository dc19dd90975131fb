import { formatShape } from "../../tensor/index.ts";
import {
  type ImportedNode,
  type Importer,
  intAttribute,
  operand,
  refuse,
  required,
  stringAttribute,
} from "../imported-node.ts";

/** Blocks of channels become blocks of places. */
export const depthToSpace: Importer = (node) => {
  const { x, batch, channels, height, width, block } = blocksOf(node);
  const depth = channels / block ** 2;
  if (!Number.isInteger(depth)) refuse(`expected channels in blocks of ${block ** 2}, got ${formatShape(x.shape)}`);
  const isColumnFirst = stringAttribute(node, "mode") === "CRD";
  const split = isColumnFirst ? [batch, depth, block, block] : [batch, block, block, depth];
  const perm = isColumnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
  const blocks = x.reshape([...split, height, width]).transpose(perm);
  return blocks.reshape([batch, depth, height * block, width * block]);
};

/** Blocks of places become blocks of channels. */
export const spaceToDepth: Importer = (node) => {
  const { x, batch, channels, height, width, block } = blocksOf(node);
  const [rows, columns] = [height / block, width / block];
  if (!Number.isInteger(rows) || !Number.isInteger(columns))
    refuse(`expected places in blocks of ${block}, got ${formatShape(x.shape)}`);
  const blocks = x.reshape([batch, channels, rows, block, columns, block]).transpose([0, 3, 5, 1, 2, 4]);
  return blocks.reshape([batch, channels * block ** 2, rows, columns]);
};

function blocksOf(node: ImportedNode) {
  const x = operand(node, 0);
  const block = required(intAttribute(node, "blocksize"), "attribute blocksize");
  if (x.rank !== 4 || block < 1) refuse(`expected [N, C, H, W] and blocks, got ${formatShape(x.shape)}`);
  const [batch, channels, height, width] = x.shape as readonly [number, number, number, number];
  return { x, batch, channels, height, width, block };
}
