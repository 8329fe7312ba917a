// The whole trace in a strip of a few dozen pixels: how much of each band of rows is busy at
// each column of pixels. Pure; linear in rows plus pixels, whatever the lengths of the spans.

import { at, clamp, type TimeScale } from "../base/numbers";
import { endNs, FLAG_ERROR, type TraceColumns } from "./columns";

/** Busy counts by band and pixel: entry `band * widthPx + px`. */
export interface Bands {
  readonly bandCount: number;
  readonly widthPx: number;
  readonly busy: Uint32Array;
  readonly errors: Uint32Array;
}

/** Counts the bars over each pixel of each band. */
export function bands(columns: TraceColumns, scale: TimeScale, bandCountMax: number): Bands {
  const widthPx = Math.max(1, Math.floor(scale.leftPx + scale.widthPx) + 1);
  const bandCount = Math.max(1, Math.min(bandCountMax, columns.rowCount));
  const line = widthPx + 1;
  const busy = new Int32Array(bandCount * line);
  const errors = new Int32Array(bandCount * line);
  for (let row = 0; row < columns.rowCount; row += 1) {
    const start = at(columns.startNs, row);
    if (Number.isNaN(start)) continue;
    const base = Math.floor((row * bandCount) / columns.rowCount) * line;
    const left = clamp(Math.floor(scale.toPx(start)), 0, widthPx - 1);
    const right = clamp(Math.ceil(scale.toPx(endNs(columns, row))), left + 1, widthPx);
    markEnds(busy, base + left, base + right);
    if ((at(columns.flags, row) & FLAG_ERROR) !== 0) markEnds(errors, base + left, base + right);
  }
  return { bandCount, widthPx, busy: sums(busy, bandCount, line), errors: sums(errors, bandCount, line) };
}

function markEnds(differences: Int32Array, left: number, right: number): void {
  differences[left] = at(differences, left) + 1;
  differences[right] = at(differences, right) - 1;
}

function sums(differences: Int32Array, bandCount: number, line: number): Uint32Array {
  const result = new Uint32Array(bandCount * (line - 1));
  for (let band = 0; band < bandCount; band += 1) {
    let running = 0;
    for (let px = 0; px < line - 1; px += 1) {
      running += at(differences, band * line + px);
      result[band * (line - 1) + px] = running;
    }
  }
  return result;
}
