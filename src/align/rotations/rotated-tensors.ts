import type { Engine, Program } from "../../engine/index.ts";
import { input } from "../../graph/index.ts";
import type { Parameters } from "../../nets/index.ts";
import { mix, refold, unfold } from "../../symmetry/index.ts";
import { convert, type Tensor, tensor } from "../../tensor/index.ts";
import type { Matching } from "../matching/index.ts";

/** Tensors of b after matrices, computed again only where a matrix has changed. */
export interface RotatedTensors extends AsyncDisposable {
  /** The named tensors, mixed by the matrices of all factors but those of `except`. */
  of(
    names: readonly string[],
    matrices: readonly (Float64Array | null)[],
    except?: readonly number[],
  ): Promise<Parameters>;
}

interface Known {
  readonly matrices: readonly Float64Array[];
  readonly value: Tensor;
}

/** Multiplies tensors by matrices on an engine. */
export function rotatedTensors({ group, b, sites }: Matching, engine: Engine): RotatedTensors {
  const programs = new Map<string, Promise<Program>>();
  const known = new Map<string, Known>();
  const multiply = async (m: Tensor, x: Tensor): Promise<Tensor> => {
    const key = `${x.dtype} ${x.shape}`;
    const compile = () => {
      const [left, right] = [input("m", m.dtype, m.shape), input("x", x.dtype, x.shape)];
      return engine.compile({ y: left.matmul(right) });
    };
    const program = programs.get(key) ?? compile();
    programs.set(key, program);
    return (await (await program).run({ m, x })).y as Tensor;
  };
  const mixed = async (name: string, value: Tensor, [factor, matrices]: readonly [number, Float64Array]) => {
    const { matrix, size, copies } = group.factors[factor] ?? { matrix: null, size: 0, copies: 0 };
    if (matrix === "rotary") return mix(group, factor, matrices, { [name]: value })[name] as Tensor;
    let result = value;
    for (const site of (sites[factor] ?? []).filter(({ tensor: other }) => other === name)) {
      const own = convert(tensor("float64", [copies, size, size], Float64Array.from(matrices)), value.dtype);
      result = refold(site.unfolding, await multiply(own, unfold(site.unfolding, result)), result);
    }
    return result;
  };
  return {
    async of(names, matrices, except = []) {
      const entries = names.map(async (name) => {
        const acting = [...matrices.entries()].filter(
          (each): each is [number, Float64Array] =>
            each[1] !== null && !except.includes(each[0]) && touches(group.factors[each[0]]?.sites ?? [], name),
        );
        const key = `${name} ${acting.map(([factor]) => factor)}`;
        const last = known.get(key);
        const own = acting.map(([, each]) => each);
        if (last && own.every((each, i) => each === last.matrices[i])) return [name, last.value] as const;
        let value = b[name] as Tensor;
        for (const each of acting) value = await mixed(name, value, each);
        if (acting.length > 0) known.set(key, { matrices: own, value });
        return [name, value] as const;
      });
      return Object.fromEntries(await Promise.all(entries));
    },
    async [Symbol.asyncDispose]() {
      for (const program of programs.values()) await (await program)[Symbol.asyncDispose]();
    },
  };
}

function touches(sites: readonly { readonly tensor: string }[], name: string): boolean {
  return sites.some(({ tensor: other }) => other === name);
}
