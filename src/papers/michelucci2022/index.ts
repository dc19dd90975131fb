import { type Paper, study } from "../paper.ts";
import { census } from "./census.ts";
import { growth } from "./growth.ts";
import { members } from "./members.ts";

export const michelucci2022: Paper = {
  name: "michelucci2022",
  title: "On the High Symmetry of Neural Network Functions",
  authors: "Umberto Michelucci",
  year: 2022,
  arxiv: "2211.06603",
  summary:
    "The number of minima that are equal up to the numbering of neurons and filters. The formulas are compared with the census of whole networks, and on small networks with all their images.",
  studies: [study(members), study(census), study(growth)],
};
