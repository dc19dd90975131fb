import { log10OfFactorial } from "../../counting/index.ts";
import { lineChart } from "../../figures/index.ts";
import { judged } from "../claims.ts";
import type { Figure, Study } from "../paper.ts";

const widths = Array.from({ length: 64 }, (_, i) => 16 * (i + 1));
const depths = [1, 2, 3] as const;

/** How the number of equivalent minima grows; there is nothing to compute beforehand. */
export const growth: Study<Record<string, never>, null> = {
  name: "growth",
  tasks: () => [],
  run: async () => null,
  conclude: () => ({ claims: [doublingClaim()], figures: [figure()] }),
};

/** n! grows faster than any exponential: its logarithm more than doubles with n, by n log10 2 to first order. */
function doublingClaim() {
  const excess = widths.map((n) => (log10OfFactorial(2 * n) - 2 * log10OfFactorial(n)) / (2 * n * Math.log10(2)));
  return judged(
    {
      id: "factorial-growth",
      claim:
        "The number of equivalent minima grows factorially with the number of neurons of a layer: (2n)! exceeds (n!)^2 by nearly 2^(2n). For n = 1024, the log10 of that ratio over 2n log10 2",
      published: "towards 1",
    },
    excess.at(-1) as number,
    excess.every((value, i) => value < 1 && value > (excess[i - 1] ?? 0)),
  );
}

function figure(): Figure {
  const points = (depth: number) => widths.map((n) => [n, depth * log10OfFactorial(n)] as const);
  const title = "Equivalent minima of dense networks";
  return {
    id: "equivalent-minima",
    title,
    caption: "log10 of the number of renumberings, n! for each hidden layer of n neurons.",
    svg: lineChart({
      title,
      x: "neurons in each hidden layer",
      y: "log10 of their number",
      series: depths.map((depth) => ({
        name: `${depth} hidden ${depth === 1 ? "layer" : "layers"}`,
        points: points(depth),
      })),
    }),
    data: {
      columns: ["neurons", ...depths.map((depth) => `log10, ${depth} hidden`)],
      rows: widths.map((n) => [n, ...depths.map((depth) => depth * log10OfFactorial(n))]),
    },
  };
}
