// Draws on a 2D canvas, sharp on dense screens.

import type { Renderer } from "./renderer";

/** The widest and highest canvas in device pixels; past it browsers draw nothing at all. */
const CANVAS_SIDE_MAX = 8192;

/** How many widths of texts are remembered. */
const TEXT_WIDTHS_MAX = 2000;

const FONT = '10.5px system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif';

/** A renderer on a canvas element. */
export class CanvasRenderer implements Renderer {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #textWidths = new Map<string, number>();

  constructor(canvas: HTMLCanvasElement) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser gives no 2D canvas");
    this.#canvas = canvas;
    this.#context = context;
  }

  begin(widthPx: number, heightPx: number): void {
    const density = Math.min(window.devicePixelRatio, CANVAS_SIDE_MAX / Math.max(1, widthPx, heightPx));
    const width = Math.round(widthPx * density);
    const height = Math.round(heightPx * density);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    this.#canvas.style.width = `${widthPx}px`;
    this.#canvas.style.height = `${heightPx}px`;
    this.#context.setTransform(density, 0, 0, density, 0, 0);
    this.#context.clearRect(0, 0, widthPx, heightPx);
    this.#context.font = FONT;
  }

  fill(x: number, y: number, width: number, height: number, color: string, radiusPx = 0): void {
    this.#context.fillStyle = color;
    if (radiusPx <= 0 || width < 2 * radiusPx) {
      this.#context.fillRect(x, y, width, height);
      return;
    }
    this.#context.beginPath();
    this.#context.roundRect(x, y, width, height, radiusPx);
    this.#context.fill();
  }

  outline(x: number, y: number, width: number, height: number, color: string, lineWidth: number, radiusPx = 0): void {
    this.#context.strokeStyle = color;
    this.#context.lineWidth = lineWidth;
    this.#context.beginPath();
    this.#context.roundRect(x, y, width, height, Math.min(radiusPx, width / 2));
    this.#context.stroke();
  }

  dot(x: number, y: number, radiusPx: number, fill: string, edge: string): void {
    this.#context.beginPath();
    this.#context.arc(x, y, radiusPx, 0, 2 * Math.PI);
    this.#context.fillStyle = fill;
    this.#context.fill();
    this.#context.strokeStyle = edge;
    this.#context.lineWidth = 1.5;
    this.#context.stroke();
  }

  text(text: string, x: number, baselineY: number, color: string): void {
    this.#context.fillStyle = color;
    this.#context.fillText(text, x, baselineY);
  }

  textWidth(text: string): number {
    const known = this.#textWidths.get(text);
    if (known !== undefined) return known;
    if (this.#textWidths.size >= TEXT_WIDTHS_MAX) this.#textWidths.clear();
    this.#context.font = FONT;
    const width = this.#context.measureText(text).width;
    this.#textWidths.set(text, width);
    return width;
  }
}
