export { type GraphDrawing, type GraphVertex, graphDrawing } from "./graph-drawing.ts";
export { type LineChart, lineChart, type Series } from "./line-chart.ts";
