export { type DotChart, type DotRow, dotChart } from "./dot-chart.ts";
export { type GraphDrawing, type GraphVertex, graphDrawing } from "./graph-drawing.ts";
export { coarseCells, type HeatMap, type HeatMapPanel, heatMap } from "./heat-map.ts";
export { type LineChart, lineChart, type Series } from "./line-chart.ts";
export { type DensityChart, densityChart, type EigenvalueChart, eigenvalueChart } from "./spectrum-chart.ts";
