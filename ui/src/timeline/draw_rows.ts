// Paints a run of rows: grid, bars with both halves, event dots, labels. Reads columns, calls a
// renderer, decides nothing about people.

import type { ServiceColor } from "../base/color";
import { UNKNOWN_SERVICE_COLOR } from "../base/color";
import { at, type TimeScale } from "../base/numbers";
import { shorten, showUnseen } from "../base/text";
import { FLAG_ERROR, FLAG_JOINED, stringAt, type TraceColumns } from "../trace/columns";
import { barExtent, eventGroups, fitLabels, serverExtent, type EventGroup, type Label } from "../trace/hit_test";
import { ticks } from "../trace/ticks";
import { type Ink, translucent } from "./ink";
import type { Renderer } from "./renderer";
import { DOT_RADIUS_PX, PLOT_EDGE_PX, type RowShape, type Window } from "./shape";

/** Everything that a painting depends on. */
export interface Scene {
  readonly columns: TraceColumns;
  readonly visible: Int32Array;
  readonly window: Window;
  readonly scale: TimeScale;
  readonly plotWidthPx: number;
  readonly shape: RowShape;
  readonly tickCountMax: number;
  readonly ink: Ink;
  readonly isDark: boolean;
  /** The colour of each service, by string index. */
  readonly colors: ReadonlyMap<number, ServiceColor>;
  /** The found rows, or null when nothing is looked for; others are drawn faint. */
  readonly found: ReadonlySet<number> | null;
}

/** The most characters of an event's label on the canvas. */
const LABEL_LEN_MAX = 28;

/** Paints the rows of a window, the first at the top. */
export function drawRows(scene: Scene, to: Renderer): void {
  const { window, shape } = scene;
  const heightPx = (window.end - window.first) * shape.heightPx;
  to.begin(scene.plotWidthPx, heightPx);
  for (const mark of ticks(scene.scale.interval, scene.tickCountMax)) {
    to.fill(Math.round(scene.scale.toPx(mark)), 0, 1, heightPx, scene.ink.grid);
  }
  for (let place = window.first; place < window.end; place += 1) {
    drawRow(scene, to, at(scene.visible, place), (place - window.first) * shape.heightPx);
  }
}

function drawRow(scene: Scene, to: Renderer, row: number, topPx: number): void {
  const { columns, scale, shape } = scene;
  const groups = eventGroups(columns, row, scale, PLOT_EDGE_PX);
  const labels = fitLabels(wantedLabels(columns, groups), scene.plotWidthPx - 2, (text) => to.textWidth(text));
  const barTop = topPx + (labels.length > 0 ? shape.barTopWithLabelsPx : shape.barTopPx);
  drawBar(scene, to, row, barTop);
  for (let event = at(columns.eventFirst, row); event < at(columns.eventFirst, row + 1); event += 1) {
    const px = scale.toPx(at(columns.eventOffsetNs, event));
    if (px < -DOT_RADIUS_PX || px > scene.plotWidthPx + DOT_RADIUS_PX) continue;
    const isError = stringAt(columns, at(columns.eventLabel, event)) === "error";
    to.dot(
      px,
      barTop + shape.barHeightPx / 2,
      DOT_RADIUS_PX,
      isError ? scene.ink.dotErrorFill : scene.ink.dotFill,
      scene.ink.dotEdge,
    );
  }
  for (const label of labels) to.text(label.text, label.leftPx, topPx + shape.labelBaselinePx, scene.ink.label);
}

function wantedLabels(columns: TraceColumns, groups: readonly EventGroup[]): Label[] {
  return groups.map((group) => {
    const first = shorten(showUnseen(stringAt(columns, at(columns.eventLabel, group.firstEvent))), LABEL_LEN_MAX);
    const text = group.eventCount > 1 ? `${first} +${group.eventCount - 1}` : first;
    return { text, leftPx: group.leftPx - DOT_RADIUS_PX };
  });
}

function drawBar(scene: Scene, to: Renderer, row: number, topPx: number): void {
  const { columns, scale, shape } = scene;
  const bar = cut(barExtent(columns, row, scale), scene.plotWidthPx);
  if (!bar) return;
  const flags = at(columns.flags, row);
  const share = scene.found === null || scene.found.has(row) ? 1 : 0.3;
  const color = (service: number) =>
    (scene.colors.get(service) ?? UNKNOWN_SERVICE_COLOR)[scene.isDark ? "dark" : "light"];
  const own = color(columns.service[row] ?? -1);
  if ((flags & FLAG_JOINED) !== 0) {
    // The caller's whole wait is pale; what the callee worked of it is solid.
    const caller = color(columns.clientService[row] ?? -1);
    to.fill(bar.leftPx, topPx, bar.widthPx, shape.barHeightPx, translucent(caller, 0.38 * share), 2);
    to.outline(
      bar.leftPx + 0.5,
      topPx + 0.5,
      Math.max(1, bar.widthPx - 1),
      shape.barHeightPx - 1,
      translucent(caller, share),
      1,
      2,
    );
    const inner = cut(serverExtent(columns, row, scale), scene.plotWidthPx);
    if (inner) to.fill(inner.leftPx, topPx, inner.widthPx, shape.barHeightPx, translucent(own, share), 1);
  } else {
    to.fill(bar.leftPx, topPx, bar.widthPx, shape.barHeightPx, translucent(own, share), 2);
  }
  if ((flags & FLAG_ERROR) !== 0) {
    to.outline(
      bar.leftPx - 1.5,
      topPx - 1.5,
      bar.widthPx + 3,
      shape.barHeightPx + 3,
      translucent(scene.ink.error, share),
      2,
      3,
    );
  }
}

// A zoomed bar may be millions of pixels long; the part in sight is all that is drawn.
function cut(bar: { leftPx: number; widthPx: number } | null, plotWidthPx: number) {
  if (!bar || bar.leftPx > plotWidthPx || bar.leftPx + bar.widthPx < 0) return null;
  const leftPx = Math.max(bar.leftPx, -4);
  return { leftPx, widthPx: Math.min(bar.leftPx + bar.widthPx, plotWidthPx + 4) - leftPx };
}
