/** Okabe and Ito's colours, which remain apart for colour-blind readers. */
const colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9"] as const;

/** The colour of the curve, or of the kind, with this number. */
export function colourOf(index: number): string {
  return colours[index % colours.length] as string;
}

/** A self-contained SVG of this size that says its title to those who cannot see it. */
export function svg(title: string, [width, height]: readonly [number, number], parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}"`,
    ` font-family="system-ui, sans-serif" font-size="14" fill="#222">`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    ...parts,
    "</svg>\n",
  ].join("\n");
}

/** The title of a figure, over its middle; a long one in smaller letters. */
export function heading(title: string, width: number): string {
  const size = round(Math.min(16, width / (0.66 * title.length)));
  return text(width / 2, 24, title, "middle", `font-size="${size}" font-weight="600"`);
}

/** One line of text, anchored at its "start", "middle" or "end". */
export function text(x: number, y: number, content: string, anchor: string, more = ""): string {
  const attributes = `x="${round(x)}" y="${round(y)}" text-anchor="${anchor}"${more && ` ${more}`}`;
  return `<text ${attributes}>${escaped(content)}</text>`;
}

/** A coordinate with two decimals. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Text as it stands inside of markup. */
export function escaped(content: string): string {
  return content.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}

interface LegendPlace {
  readonly left: number;
  readonly top: number;
}

/** Height of a line of a legend. */
const legendLine = 20;
const legendColumn = 196;

/** What the colours stand for, two names in a line. */
export function legend(names: readonly string[], { left, top }: LegendPlace): string[] {
  return names.map((name, i) => {
    const [x, y] = [left + (i % 2) * legendColumn, top + Math.floor(i / 2) * legendLine];
    return `<rect x="${x}" y="${y - 7}" width="18" height="4" fill="${colourOf(i)}"/>${text(x + 24, y, name, "start")}`;
  });
}

/** The height that a legend of so many names takes. */
export function legendHeight(count: number): number {
  return legendLine * Math.ceil(count / 2);
}
