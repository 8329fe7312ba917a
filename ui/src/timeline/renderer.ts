// What drawing a timeline needs of a surface. The canvas is one; a test's list of calls another.

/** A surface for bars, dots and labels. Coordinates are CSS pixels. */
export interface Renderer {
  /** Sets the size and wipes everything. */
  begin(widthPx: number, heightPx: number): void;
  /** Fills a rectangle, rounded where `radiusPx` is above 0. */
  fill(x: number, y: number, width: number, height: number, color: string, radiusPx?: number): void;
  /** Draws the outline of a rectangle. */
  outline(
    x: number,
    y: number,
    width: number,
    height: number,
    color: string,
    lineWidth: number,
    radiusPx?: number,
  ): void;
  /** Draws a dot with an edge. */
  dot(x: number, y: number, radiusPx: number, fill: string, edge: string): void;
  /** Writes one line of text. */
  text(text: string, x: number, baselineY: number, color: string): void;
  /** The width of a text as `text` would write it. */
  textWidth(text: string): number;
}
