import { type Paper, study } from "../paper.ts";
import { counts } from "./counts.ts";
import { critical } from "./critical.ts";
import { deep } from "./deep.ts";
import { manifold } from "./manifold.ts";
import { mnist } from "./mnist.ts";
import { students } from "./students.ts";
import { trajectories } from "./trajectories.ts";

export const simsek2021: Paper = {
  name: "simsek2021",
  title: "Geometry of the Loss Landscape in Overparameterized Neural Networks: Symmetries and Invariances",
  authors:
    "Berfin Şimşek, François Ged, Arthur Jacot, Francesco Spadaro, Clément Hongler, Wulfram Gerstner, Johanni Brea",
  year: 2021,
  arxiv: "2105.12221",
  summary:
    "Extra neurons turn isolated minima into one connected manifold of affine subspaces, and critical points of narrow networks into subspaces of critical points. Counts, dimensions and connections are compared with brute force; students of a small teacher are trained.",
  studies: [
    study(counts),
    study(manifold),
    study(critical),
    study(trajectories),
    study(students),
    study(deep),
    study(mnist),
  ],
};
