// What lies where on a row: the extent of its bar, its event dots gathered for pointing, and
// which labels there is room for. Pure: pixels in, pixels out.

import { at, type TimeScale } from "../base/numbers";
import { endNs, type TraceColumns } from "./columns";

/** Dots closer than this to the one before share one button. */
export const DOT_MERGE_PX = 7;

/** The narrowest bar: a span of a nanosecond must still be seen. */
export const BAR_MIN_PX = 2;

/** The pixels of a bar. */
export interface BarExtent {
  readonly leftPx: number;
  readonly widthPx: number;
}

/** The pixels of a row's bar; null when the row has no start. */
export function barExtent(columns: TraceColumns, row: number, scale: TimeScale): BarExtent | null {
  const start = at(columns.startNs, row);
  if (Number.isNaN(start)) return null;
  return extentOf(start, endNs(columns, row), scale);
}

/** The pixels of the serving half inside of a joined row's bar; null when there is none. */
export function serverExtent(columns: TraceColumns, row: number, scale: TimeScale): BarExtent | null {
  const start = at(columns.serverStartNs, row);
  if (Number.isNaN(start)) return null;
  const duration = at(columns.serverDurationNs, row);
  return extentOf(start, start + (Number.isNaN(duration) ? 0 : duration), scale);
}

function extentOf(startNs: number, lastNs: number, scale: TimeScale): BarExtent {
  const leftPx = scale.toPx(startNs);
  return { leftPx, widthPx: Math.max(BAR_MIN_PX, scale.toPx(lastNs) - leftPx) };
}

/** Events of a row that lie too close to be pointed at apart. */
export interface EventGroup {
  readonly firstEvent: number;
  readonly eventCount: number;
  readonly leftPx: number;
  readonly rightPx: number;
}

/** Gathers a row's events from left to right, leaving out those outside of the drawn stretch. */
export function eventGroups(columns: TraceColumns, row: number, scale: TimeScale, edgePx: number): EventGroup[] {
  const groups: EventGroup[] = [];
  const last = at(columns.eventFirst, row + 1);
  for (let event = at(columns.eventFirst, row); event < last; event += 1) {
    const px = scale.toPx(at(columns.eventOffsetNs, event));
    if (!(px >= scale.leftPx - edgePx && px <= scale.leftPx + scale.widthPx + edgePx)) continue;
    const before = groups.at(-1);
    if (before && px - before.rightPx < DOT_MERGE_PX) {
      groups[groups.length - 1] = { ...before, eventCount: before.eventCount + 1, rightPx: px };
    } else {
      groups.push({ firstEvent: event, eventCount: 1, leftPx: px, rightPx: px });
    }
  }
  return groups;
}

/** A text to write and where it begins. */
export interface Label {
  readonly text: string;
  readonly leftPx: number;
}

/**
 * Chooses the labels that fit on one line: each begins under its dot, and one that would run
 * into the next label or over the edge is left to the pop-up.
 */
export function fitLabels(wanted: readonly Label[], rightEdgePx: number, widthOf: (text: string) => number): Label[] {
  const fitting: Label[] = [];
  let freeFromPx = Number.NEGATIVE_INFINITY;
  for (const label of wanted) {
    const width = widthOf(label.text);
    // A label at the right end may slide left, as long as it stays near its dot.
    const leftPx = Math.min(label.leftPx, rightEdgePx - width);
    if (leftPx < freeFromPx || label.leftPx - leftPx > width) continue;
    fitting.push({ text: label.text, leftPx });
    freeFromPx = leftPx + width + 5;
  }
  return fitting;
}
