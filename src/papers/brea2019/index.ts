import { type Paper, study } from "../paper.ts";
import { eigenvalues } from "./eigenvalues.ts";
import { mnist } from "./mnist.ts";
import { orders } from "./orders.ts";
import { pairs } from "./pairs.ts";
import { plateau } from "./plateau.ts";
import { widths } from "./widths.ts";

export const brea2019: Paper = {
  name: "brea2019",
  title:
    "Weight-space symmetry in deep networks gives rise to permutation saddles, connected by equal-loss valleys across the loss landscape",
  authors: "Johanni Brea, Berfin Şimşek, Bernd Illing, Wulfram Gerstner",
  year: 2019,
  arxiv: "1907.02911",
  summary:
    "Between a minimum and the same minimum with two neurons exchanged lies a permutation point, where the two are equal. The paths of all pairs of the toy's teacher are followed, the plateau at the permutation point is walked, and its Hessian is compared with what the paper says.",
  studies: [study(pairs), study(plateau), study(eigenvalues), study(orders), study(widths), study(mnist)],
};
