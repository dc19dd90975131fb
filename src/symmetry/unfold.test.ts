import { describe, expect, it } from "vitest";
import { architectures } from "../../test/architectures/index.ts";
import { elementCount, tensor } from "../tensor/index.ts";
import { discoverSymmetry } from "./discover.ts";
import { runsOf } from "./indexing.ts";
import { strandUnfoldings } from "./strand-unfolding.ts";
import { refold, unfold, unfoldingOf } from "./unfold.ts";

/** A tensor whose every entry is its own number, from 1 on. */
function numbered(shape: readonly number[]) {
  return tensor(
    "float64",
    shape,
    Float64Array.from({ length: elementCount(shape) }, (_, i) => i + 1),
  );
}

describe.each(architectures.map(({ name, network }) => [name, discoverSymmetry(network)] as const))(
  "%s unfolds",
  (_, group) => {
    const layouts = Object.values(group.layouts);
    const unfoldings = layouts.flatMap((layout) =>
      layout.axes.flatMap(runsOf).map((run) => ({ layout, unfolding: unfoldingOf(layout, run) })),
    );
    const strands = group.factors.flatMap(({ matrix }, factor) =>
      matrix === "general-linear" || matrix === "rotary"
        ? layouts.flatMap((layout) =>
            strandUnfoldings(group, factor, layout).flatMap(({ parts }) =>
              parts.map((unfolding) => ({ layout, unfolding })),
            ),
          )
        : [],
    );

    it("every entry into one place, and back", () => {
      for (const { layout, unfolding } of [...unfoldings, ...strands]) {
        const value = numbered(layout.shape);
        const { shape, data } = unfold(unfolding, value);
        expect(new Set(data as Float64Array).size).toBe(elementCount(shape));
        expect(data as Float64Array).not.toContain(0);
        expect(refold(unfolding, { ...value, shape, data }, value).data).toEqual(value.data);
        const doubled = (data as Float64Array).map((x) => 2 * x);
        const sum = (refold(unfolding, { ...value, shape, data: doubled }, value).data as Float64Array).reduce(
          (a, b) => a + b,
        );
        const own = (data as Float64Array).reduce((a, b) => a + b);
        expect(sum).toBe(value.data.reduce((a, b) => a + b) + own);
      }
    });
  },
);
