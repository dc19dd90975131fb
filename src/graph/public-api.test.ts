import { expect, it } from "vitest";
import { caseInputs, operatorCases } from "../../test/operator-cases.ts";
import * as engine from "../engine/index.ts";
import * as tensor from "../tensor/index.ts";
import { expansions } from "./expansions.ts";
import { gradientRules } from "./gradients.ts";
import * as graph from "./index.ts";

it.each([
  [
    "tensor",
    tensor,
    `allocate bfloat16Bits bfloat16Value broadcastShapes byteLength bytesPerElement checkShape convert dot dtypes
     elementCount float16Bits float16Value fold formatShape fromNumbers held isFloat isLazy lazyTensor letGo
     norm normal normalizeAxis partOf permutation release reshape rngKey sameShape shelf stack stridesOf tensor
     tensorBytes tensorFromBytes threefry2x32 toNumbers uniform viewBytes zeros`,
  ],
  [
    "graph",
    graph,
    `Value adjoint apply arithmeticOperators averagePool binaryCrossEntropy comparisonOperators concat constant conv
     crossEntropy elementwiseOperators ensemble expand expandDefinitions fill globalAveragePool grad hessianVectorProduct infer input
     inputsOf maxPool meanSquaredError oneHot planLoop range refuseOpaque rewrite scalar simplify stopGradient
     straightThroughSign substitute sumTo surrogate swapLastAxes topologicalOrder unaryOperators where withOperands`,
  ],
  ["engine", engine, "ortEngine referenceEngine webEngine"],
])("orbifold/%s exports what it promises", (_, folder, names) => {
  expect(Object.keys(folder).sort()).toEqual(names.split(/\s+/));
});

it("every operator that can be computed is used by an operator case", () => {
  const operators = new Set([...Object.keys(expansions), ...Object.keys(gradientRules)]);
  operators.delete("Opaque");
  for (const each of operatorCases) {
    const value = each.build(...caseInputs(each, "float64"));
    for (const { op } of graph.topologicalOrder([value])) operators.delete(op);
  }
  expect([...operators]).toEqual([]);
});

it("operator cases have names of their own", () => {
  expect(new Set(operatorCases.map(({ name }) => name)).size).toBe(operatorCases.length);
});
