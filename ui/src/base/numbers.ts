// Small arithmetic over numbers and columns of numbers. Pure; knows nothing of traces.

/** Reads one number of a column; an index outside of it reads as 0, never as undefined. */
export function at(column: ArrayLike<number>, index: number): number {
  return column[index] ?? 0;
}

/** Holds a value between two ends. */
export function clamp(value: number, low: number, high: number): number {
  return Math.min(Math.max(value, low), high);
}

/** A stretch of time, in nanoseconds from the start of a trace. */
export interface Interval {
  readonly startNs: number;
  readonly endNs: number;
}

/** Cuts an interval to a whole, keeping its length where it fits and at least `minLengthNs`. */
export function fitInterval(wanted: Interval, whole: Interval, minLengthNs: number): Interval {
  const wholeLength = whole.endNs - whole.startNs;
  const length = clamp(wanted.endNs - wanted.startNs, Math.min(minLengthNs, wholeLength), wholeLength);
  const startNs = clamp(wanted.startNs, whole.startNs, whole.endNs - length);
  return { startNs, endNs: startNs + length };
}

/** Stretches (factor above 1) or shrinks an interval around a point that stays where it is. */
export function zoomInterval(current: Interval, factor: number, aroundNs: number): Interval {
  return {
    startNs: aroundNs - (aroundNs - current.startNs) * factor,
    endNs: aroundNs + (current.endNs - aroundNs) * factor,
  };
}

/** Maps times onto a stretch of pixels and back. */
export class TimeScale {
  constructor(
    readonly interval: Interval,
    readonly leftPx: number,
    readonly widthPx: number,
  ) {}

  /** The pixel of a time; times outside of the interval land outside of the stretch. */
  toPx(timeNs: number): number {
    const length = this.interval.endNs - this.interval.startNs;
    // A trace of no length has one moment: everything is at its left end.
    return length <= 0 ? this.leftPx : this.leftPx + ((timeNs - this.interval.startNs) / length) * this.widthPx;
  }

  /** The time of a pixel. */
  toNs(px: number): number {
    if (this.widthPx <= 0) return this.interval.startNs;
    const length = this.interval.endNs - this.interval.startNs;
    return this.interval.startNs + ((px - this.leftPx) / this.widthPx) * length;
  }
}
