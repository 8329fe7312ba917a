// The strip above the rows: the whole trace at a glance, and dragging over it to zoom.

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { at, clamp, TimeScale, type Interval } from "../base/numbers";
import { t } from "../i18n";
import { onNextFrame } from "../shell/frame";
import { isDark } from "../shell/preferences";
import { bands } from "../trace/bands";
import { CanvasRenderer } from "./canvas_renderer";
import { inkOf, translucent } from "./ink";
import { plotScale } from "./shape";
import { useWidth } from "./use_size";
import type { Viewport } from "./viewport";

const HEIGHT_PX = 44;

/** A drag shorter than this is a click: it moves the stretch instead of choosing a new one. */
const DRAG_MIN_PX = 4;

/** The strip. */
export function Overview({ viewport }: { readonly viewport: Viewport }) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const widthPx = useWidth(box);
  const dragged = useSignal<{ fromPx: number; toPx: number } | null>(null);
  const scale = plotScale(viewport.whole, widthPx);
  const dark = isDark.value;
  useEffect(() => {
    onNextFrame("overview", () => {
      if (canvas.current && widthPx > 0) drawOverview(viewport, scale, widthPx, canvas.current, dark);
    });
  }, [viewport, widthPx, dark]);

  const px = (event: PointerEvent) => event.clientX - (box.current?.getBoundingClientRect().left ?? 0);
  const start = (event: PointerEvent) => {
    if (event.button !== 0) return;
    box.current?.setPointerCapture(event.pointerId);
    dragged.value = { fromPx: px(event), toPx: px(event) };
  };
  const move = (event: PointerEvent) => {
    if (dragged.value) dragged.value = { ...dragged.value, toPx: px(event) };
  };
  const end = () => {
    const drag = dragged.value;
    dragged.value = null;
    if (drag) applyDrag(viewport, scale, drag);
  };
  const shown = dragged.value ? ordered(scale, dragged.value) : viewport.interval.value;
  const leftPx = clamp(scale.toPx(shown.startNs), 0, widthPx);
  const rightPx = clamp(scale.toPx(shown.endNs), 0, widthPx);
  const isWhole = !viewport.isZoomed.value && !dragged.value;
  return (
    <div
      ref={box}
      class="overview"
      role="group"
      aria-label={t("overview")}
      title={t("overviewHint")}
      style={{ height: `${HEIGHT_PX}px` }}
      onPointerDown={start}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={() => (dragged.value = null)}
      onDblClick={() => viewport.resetZoom()}
    >
      <canvas ref={canvas} aria-hidden="true" />
      {!isWhole && (
        <>
          <i class="shade" style={{ left: "0", width: `${leftPx}px` }} />
          <i class="shade" style={{ left: `${rightPx}px`, right: "0" }} />
          <i class="frame" style={{ left: `${leftPx}px`, width: `${Math.max(2, rightPx - leftPx)}px` }} />
        </>
      )}
    </div>
  );
}

function ordered(scale: TimeScale, drag: { fromPx: number; toPx: number }): Interval {
  const a = scale.toNs(drag.fromPx);
  const b = scale.toNs(drag.toPx);
  return { startNs: Math.min(a, b), endNs: Math.max(a, b) };
}

/** Zooms to what was dragged over, or moves the present stretch to where was clicked. */
export function applyDrag(viewport: Viewport, scale: TimeScale, drag: { fromPx: number; toPx: number }): void {
  if (Math.abs(drag.toPx - drag.fromPx) >= DRAG_MIN_PX) {
    viewport.zoomTo(ordered(scale, drag));
    return;
  }
  if (!viewport.isZoomed.peek()) return;
  const { startNs, endNs } = viewport.interval.peek();
  const half = (endNs - startNs) / 2;
  const middle = scale.toNs(drag.toPx);
  viewport.zoomTo({ startNs: middle - half, endNs: middle + half });
}

function drawOverview(
  viewport: Viewport,
  scale: TimeScale,
  widthPx: number,
  canvas: HTMLCanvasElement,
  dark: boolean,
): void {
  const ink = inkOf(dark);
  const to = new CanvasRenderer(canvas);
  to.begin(widthPx, HEIGHT_PX);
  const counted = bands(viewport.columns, scale, HEIGHT_PX - 8);
  const bandPx = Math.min(6, (HEIGHT_PX - 8) / counted.bandCount);
  const rowsPerBand = viewport.columns.rowCount / counted.bandCount;
  for (let band = 0; band < counted.bandCount; band += 1) {
    const y = 4 + band * bandPx;
    const height = bandPx >= 3 ? bandPx - 1 : bandPx;
    drawRuns(counted.busy, band, counted.widthPx, (left, width, busy) => {
      // A band of many rows is drawn stronger the more of them are busy.
      to.fill(
        left,
        y,
        Math.max(1.5, width),
        height,
        translucent(ink.busy, clamp(0.5 + (0.5 * busy) / rowsPerBand, 0, 1)),
      );
    });
    drawRuns(counted.errors, band, counted.widthPx, (left, width) =>
      to.fill(left, y, Math.max(2, width), height, ink.error),
    );
  }
}

// Equal neighbours become one rectangle: a few thousand calls instead of one a pixel.
function drawRuns(
  counts: Uint32Array,
  band: number,
  widthPx: number,
  draw: (left: number, width: number, count: number) => void,
): void {
  let from = 0;
  for (let px = 1; px <= widthPx; px += 1) {
    const count = at(counts, band * widthPx + from);
    if (px < widthPx && at(counts, band * widthPx + px) === count) continue;
    if (count > 0) draw(from, px - from, count);
    from = px;
  }
}
