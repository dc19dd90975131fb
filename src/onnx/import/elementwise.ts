import { apply, type Operator, type Value, where } from "../../graph/index.ts";
import { isFloat } from "../../tensor/index.ts";
import { dtypeOfDataType } from "../data-type.ts";
import {
  flagAttribute,
  floatAttribute,
  type Importer,
  intAttribute,
  knownOperand,
  operand,
  refuse,
  required,
} from "../imported-node.ts";

/** The operator of the same name, without attributes. */
export function plain(op: Operator): Importer {
  // The table of operators has checked how many operands there are.
  return (node) =>
    apply(
      op as "Add",
      node.operands.map((_, i) => operand(node, i)),
    );
}

/** The first input. */
export const identity: Importer = (node) => operand(node, 0);

/** Combines any number of inputs, from left to right. */
export function chain(method: "add" | "maximum" | "minimum"): Importer {
  return (node) => {
    const [first, ...rest] = node.operands.map((_, i) => operand(node, i)) as [Value, ...Value[]];
    return rest.reduce((sum, next) => sum[method](next), first);
  };
}

/** The mean of any number of inputs. */
export const mean: Importer = (node) => {
  const sum = chain("add")(node) as Value;
  return sum.div(node.operands.length);
};

/** A power, whose exponent may be of another type. */
export const power: Importer = (node) => {
  const base = operand(node, 0);
  return base.pow(operand(node, 1).cast(base.dtype));
};

/** Bounds are attributes at first, inputs from operator set 11 on. */
export const clip: Importer = (node) => {
  const x = operand(node, 0);
  const low = node.opset < 11 ? floatAttribute(node, "min") : node.operands[1];
  const high = node.opset < 11 ? floatAttribute(node, "max") : node.operands[2];
  const raised = low === undefined ? x : x.maximum(low);
  return high === undefined ? raised : raised.minimum(high);
};

/** Another element type. */
export const cast: Importer = (node) => {
  const to = required(intAttribute(node, "to"), "attribute to");
  return operand(node, 0).cast(dtypeOfDataType(to, "attribute to"));
};

/** The element type of the second input. */
export const castLike: Importer = (node) => operand(node, 0).cast(operand(node, 1).dtype);

/** Only NaN does. */
export const differsFromItself: Importer = (node) => operand(node, 0).equal(operand(node, 0)).not();

/** The identity: models are imported for inference. */
export const dropout: Importer = (node) => {
  const isTraining = knownOperand(node, 2)?.data[0];
  if (isTraining) refuse("expected dropout at inference, got training mode", "export the model in evaluation mode");
  return operand(node, 0);
};

/** The largest whole number that is not above. */
export const floor: Importer = (node) => floorOf(operand(node, 0));

/** The smallest whole number that is not below. */
export const ceil: Importer = (node) => floorOf(operand(node, 0).neg()).neg();

function floorOf(x: Value): Value {
  const cut = truncated(x);
  return cut.sub(x.less(cut).cast(x.dtype));
}

/** Numbers from here on are whole, and infinities and NaN are no integers. */
const wholeFrom = 2 ** 52;

function truncated(x: Value): Value {
  return where(x.abs().less(wholeFrom), x.cast("int64").cast(x.dtype), x);
}

/** The remainder, with the sign of the divisor; of the dividend where `fmod` is set. */
export const remainder: Importer = (node) => {
  const [a, b] = [operand(node, 0), operand(node, 1)];
  // Division of whole numbers truncates by itself.
  const quotient = isFloat(a.dtype) ? truncated(a.div(b)) : a.div(b);
  const rest = a.sub(quotient.mul(b));
  return flagAttribute(node, "fmod") ? rest : where(rest.mul(b).less(0), rest.add(b), rest);
};
