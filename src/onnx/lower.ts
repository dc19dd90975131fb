import { apply, expand, type Operator, rewrite, simplify, type Value, withOperands } from "../graph/index.ts";
import { erfInFloat64 } from "./erf.ts";
import { fuse } from "./fuse.ts";
import { averagePool, averagePoolGrad, conv, convInputGrad, convWeightGrad, maxPoolGrad } from "./lower-windows.ts";
import { samplesInnermost } from "./windows/samples-innermost.ts";

export interface LowerOptions {
  /** Use the operators of ONNX Runtime's own domain where they save work; without it every operator is standard. */
  readonly runtime?: boolean;
}

type Lowering<O extends Operator> = (value: Value<O>) => Value;

/** The graph in operators that encode to ONNX and that ONNX Runtime has kernels for in the value's element type. */
export function lower(outputs: readonly Value[], options: LowerOptions = {}): Value[] {
  const standard = options.runtime ? outputs : rewrite(outputs, withoutRuntimeOperators);
  const simple = simplify(standard);
  const lowered = lowerCompletely(options.runtime ? samplesInnermost(simple) : simple);
  return options.runtime ? fuse(lowered) : lowered;
}

/** Lowers until nothing changes, because one rule may give what another lowers. */
function lowerCompletely(outputs: readonly Value[]): Value[] {
  let lowered = [...outputs];
  for (let changes = 1; changes > 0; ) {
    changes = 0;
    const next = rewrite(lowered, (value, operands) => {
      const current = withOperands(value, operands);
      const result = lowering(current)?.(current) ?? current;
      if (result !== current) changes++;
      return result;
    });
    if (changes > 0) lowered = simplify(next);
  }
  return lowered;
}

/** A product with transposed operands may have been asked for by its runtime name. */
function withoutRuntimeOperators(value: Value, operands: readonly Value[]): Value {
  const current = withOperands(value, operands);
  return current.op === "FusedMatMul" ? expand(current) : current;
}

/** The rule for a value; it returns the value itself where there is nothing to lower. */
function lowering({ op, dtype }: Value): Lowering<Operator> | undefined {
  const rule = always[op] ?? (dtype === "float64" ? inFloat64[op] : undefined);
  return rule as Lowering<Operator> | undefined;
}

const always: { readonly [O in Operator]?: Lowering<O> } = {
  RMSNormalization: expand,
  GatherGrad: gatherGradAlongFirstAxis,
  ConvInputGrad: convInputGrad,
  ConvWeightGrad: convWeightGrad,
  MaxPoolGrad: maxPoolGrad,
  AveragePoolGrad: averagePoolGrad,
};

/** Operators for which ONNX Runtime has no float64 kernel. */
const inFloat64: { readonly [O in Operator]?: Lowering<O> } = {
  Erf: ({ operands: [x] }) => erfInFloat64(x as Value),
  Softplus: ({ operands: [x] }) => {
    const z = x as Value;
    return z.maximum(0).add(z.abs().neg().exp().add(1).log());
  },
  LeakyRelu: ({ operands: [x], attributes }) =>
    (x as Value).maximum(0).add((x as Value).minimum(0).mul(attributes.alpha)),
  HardSigmoid: expand,
  Gelu: expand,
  BatchNormalization: expand,
  LayerNormalization: expand,
  Conv: conv,
  AveragePool: averagePool,
};

/** ScatterND adds along the first axes only. */
function gatherGradAlongFirstAxis(value: Value<"GatherGrad">): Value {
  const { axis, size } = value.attributes;
  if (axis === 0) return value;
  const [g, indices] = value.operands as unknown as [Value, Value];
  const axes = g.shape.map((_, i) => i);
  const gathered = axes.slice(axis, axis + indices.rank);
  const rows = g.transpose([...gathered, ...axes.slice(0, axis), ...axes.slice(axis + indices.rank)]);
  const scattered = apply("GatherGrad", [rows, indices], { axis: 0, size });
  const back = scattered.shape.map((_, i) => (i < axis ? i + 1 : i === axis ? 0 : i));
  return scattered.transpose(back);
}
