// The measures of the timeline, in pixels, for wide and for narrow screens. Pure.

import { TimeScale, type Interval } from "../base/numbers";

/** The most rows that the page holds as elements at a time, however long the trace is. */
export const DOM_ROWS_MAX = 80;

/** Rows kept ready above and below the ones in sight. */
const OVERSCAN_ROWS = 8;

/** Room at both ends of the axis, so that a dot on the last nanosecond is a whole dot. */
export const PLOT_EDGE_PX = 12;

/** The radius of an event's dot. */
export const DOT_RADIUS_PX = 4;

/** The measures of one row. */
export interface RowShape {
  readonly isNarrow: boolean;
  readonly heightPx: number;
  readonly barHeightPx: number;
  /** Top of the bar in a row with and without labels under it. */
  readonly barTopWithLabelsPx: number;
  readonly barTopPx: number;
  readonly labelBaselinePx: number;
}

const WIDE: RowShape = {
  isNarrow: false,
  heightPx: 30,
  barHeightPx: 12,
  barTopWithLabelsPx: 4,
  barTopPx: 9,
  labelBaselinePx: 26.5,
};
const NARROW: RowShape = {
  isNarrow: true,
  heightPx: 52,
  barHeightPx: 12,
  barTopWithLabelsPx: 24,
  barTopPx: 24,
  labelBaselinePx: 47,
};

/** The page width under which names stand above their bars instead of beside them. */
export const NARROW_BELOW_PX = 700;

/** The measures for a width. */
export function rowShape(widthPx: number): RowShape {
  return widthPx < NARROW_BELOW_PX ? NARROW : WIDE;
}

/** The scale of a plot of some width, with room at both ends. */
export function plotScale(interval: Interval, plotWidthPx: number): TimeScale {
  return new TimeScale(interval, PLOT_EDGE_PX, Math.max(1, plotWidthPx - 2 * PLOT_EDGE_PX));
}

/** A run of places among the visible rows. */
export interface Window {
  readonly first: number;
  readonly end: number;
}

/** The rows to hold as elements for a scroll position; steps of some rows keep it steady. */
export function rowWindow(scrollTopPx: number, heightPx: number, rowHeightPx: number, rowCount: number): Window {
  const step = OVERSCAN_ROWS / 2;
  const top = Math.floor(scrollTopPx / rowHeightPx / step) * step - OVERSCAN_ROWS;
  const first = Math.max(0, Math.min(top, rowCount - 1));
  const inSight = Math.ceil(heightPx / rowHeightPx) + step + 2 * OVERSCAN_ROWS;
  return { first, end: Math.min(rowCount, first + Math.min(inSight, DOM_ROWS_MAX)) };
}
