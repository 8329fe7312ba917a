// The timeline: overview, axis, rows. Joins the canvas with the window of row elements over it.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { serviceColors, type ServiceColor } from "../base/color";
import { at, clamp, type TimeScale } from "../base/numbers";
import { t } from "../i18n";
import { onNextFrame } from "../shell/frame";
import { isDark } from "../shell/preferences";
import { stringAt, type TraceColumns } from "../trace/columns";
import { placeOf } from "../trace/tree";
import { Axis } from "./axis";
import { CanvasRenderer } from "./canvas_renderer";
import { drawRows } from "./draw_rows";
import { EventPopup, type PointedEvents } from "./event_popup";
import { inkOf } from "./ink";
import { Overview } from "./overview";
import { INDENT_LEVELS_MAX, Row, rowElementId, type RowActions } from "./rows_overlay";
import { plotScale, rowShape, rowWindow, type RowShape, type Window } from "./shape";
import { nameWidthPx, Splitter } from "./splitter";
import { useSize } from "./use_size";
import type { Viewport } from "./viewport";

/** Pixels between two marks of the axis at the least. */
const TICK_SPACING_PX = 110;

/** The height of the axis, which covers the top of the rows' area. */
const AXIS_HEIGHT_PX = 26;

/** The room that the indents of the deepest level may take. */
const INDENT_ROOM_PX = 150;

/** What the whole timeline is laid out by. */
interface Layout {
  readonly shape: RowShape;
  readonly nameWidthPx: number;
  readonly plotWidthPx: number;
  readonly scale: TimeScale;
  readonly tickCountMax: number;
  readonly window: Window;
}

/** The timeline of one trace. */
export function Timeline({
  viewport,
  onSelect,
}: {
  readonly viewport: Viewport;
  readonly onSelect: (row: number) => void;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const size = useSize(scroller);
  const scrollTopPx = useSignal(0);
  const layout = useLayout(viewport, size, scrollTopPx.value);
  const colors = useMemo(() => colorsOf(viewport.columns), [viewport]);
  const canvas = useRef<HTMLCanvasElement>(null);
  useDrawing(canvas, viewport, layout, colors);
  useFocus(scroller, viewport, layout.shape);
  useWheelZoom(scroller, viewport, layout);
  const pointed = useSignal<PointedEvents | null>(null);
  const onScroll = () => {
    pointed.value = null;
    // Scrolling within a few rows changes nothing that is held as elements, so it draws nothing.
    const stepPx = layout.shape.heightPx * 4;
    scrollTopPx.value = Math.floor((scroller.current?.scrollTop ?? 0) / stepPx) * stepPx;
  };
  const rowCount = viewport.visible.value.length;
  return (
    <div class={layout.shape.isNarrow ? "timeline narrow" : "timeline"}>
      <Overview viewport={viewport} />
      <div ref={scroller} class="scroller" onScroll={onScroll}>
        <div class="axis-line" style={{ height: `${AXIS_HEIGHT_PX}px`, paddingLeft: `${layout.nameWidthPx}px` }}>
          <Axis viewport={viewport} scale={layout.scale} tickCountMax={layout.tickCountMax} />
        </div>
        <div class="rows" style={{ height: `${rowCount * layout.shape.heightPx}px` }}>
          <canvas
            ref={canvas}
            aria-hidden="true"
            style={{ left: `${layout.nameWidthPx}px`, top: `${layout.window.first * layout.shape.heightPx}px` }}
          />
          <Rows viewport={viewport} layout={layout} colors={colors} pointed={pointed} onSelect={onSelect} />
          {!layout.shape.isNarrow && <Splitter atPx={layout.nameWidthPx} widthPx={size.widthPx} />}
        </div>
      </div>
    </div>
  );
}

function useLayout(viewport: Viewport, size: { widthPx: number; heightPx: number }, scrollTopPx: number): Layout {
  const shape = rowShape(size.widthPx);
  const nameWidth = shape.isNarrow ? 0 : nameWidthPx(size.widthPx);
  const plotWidthPx = Math.max(0, size.widthPx - nameWidth);
  const interval = viewport.interval.value;
  const scale = useMemo(() => plotScale(interval, plotWidthPx), [interval, plotWidthPx]);
  const found = rowWindow(scrollTopPx, size.heightPx, shape.heightPx, viewport.visible.value.length);
  const window = useMemo(() => found, [found.first, found.end]);
  const tickCountMax = clamp(Math.floor(plotWidthPx / TICK_SPACING_PX), 2, 12);
  return { shape, nameWidthPx: nameWidth, plotWidthPx, scale, tickCountMax, window };
}

function colorsOf(columns: TraceColumns): ReadonlyMap<number, ServiceColor> {
  const indexes = [...new Set([...columns.service, ...columns.clientService])].filter((index) => index >= 0);
  const colors = serviceColors(indexes.map((index) => stringAt(columns, index)));
  return new Map(indexes.flatMap((index, order) => (colors[order] ? [[index, colors[order]] as const] : [])));
}

function useDrawing(
  canvas: { readonly current: HTMLCanvasElement | null },
  viewport: Viewport,
  layout: Layout,
  colors: ReadonlyMap<number, ServiceColor>,
): void {
  const renderer = useRef<CanvasRenderer | null>(null);
  const dark = isDark.value;
  const visible = viewport.visible.value;
  const found = viewport.found.value;
  const { columns } = viewport;
  useLayoutEffect(() => {
    onNextFrame("rows", () => {
      if (!canvas.current || layout.plotWidthPx === 0) return;
      renderer.current ??= new CanvasRenderer(canvas.current);
      drawRows({ ...layout, columns, visible, ink: inkOf(dark), isDark: dark, colors, found }, renderer.current);
    });
  }, [columns, visible, layout.window, layout.scale, layout.shape, layout.tickCountMax, dark, found]);
}

/** Brings the row with focus into sight, and gives it the keyboard when that was asked for. */
function useFocus(scroller: { readonly current: HTMLDivElement | null }, viewport: Viewport, shape: RowShape): void {
  const row = viewport.focusRow.value;
  const turn = viewport.focusTurn.value;
  const visible = viewport.visible.value;
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || turn === 0) return;
    const top = placeOf(visible, row) * shape.heightPx;
    const inSightPx = box.clientHeight - AXIS_HEIGHT_PX;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + shape.heightPx > box.scrollTop + inSightPx) box.scrollTop = top + shape.heightPx - inSightPx;
    document.getElementById(rowElementId(row))?.focus({ preventScroll: true });
  }, [row, turn]);
}

/** Zooms with the wheel while Control is held, and moves sideways with Shift or a side wheel. */
function useWheelZoom(scroller: { readonly current: HTMLDivElement | null }, viewport: Viewport, layout: Layout): void {
  const latest = useRef(layout);
  latest.current = layout;
  useEffect(() => {
    const box = scroller.current;
    if (!box) return undefined;
    const turn = (event: WheelEvent) => {
      const sideways = event.shiftKey ? event.deltaY : event.deltaX;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const px = event.clientX - box.getBoundingClientRect().left - latest.current.nameWidthPx;
        viewport.zoomBy(clamp(-event.deltaY / 100, -3, 3), latest.current.scale.toNs(px));
      } else if (viewport.isZoomed.peek() && Math.abs(sideways) > Math.abs(event.shiftKey ? 0 : event.deltaY)) {
        event.preventDefault();
        viewport.pan(sideways / Math.max(1, latest.current.plotWidthPx));
      }
    };
    box.addEventListener("wheel", turn, { passive: false });
    return () => box.removeEventListener("wheel", turn);
  }, [viewport]);
}

function Rows(props: {
  readonly viewport: Viewport;
  readonly layout: Layout;
  readonly colors: ReadonlyMap<number, ServiceColor>;
  readonly pointed: Signal<PointedEvents | null>;
  readonly onSelect: (row: number) => void;
}) {
  const { viewport, layout, pointed } = props;
  const select = useRef(props.onSelect);
  select.current = props.onSelect;
  const actions = useMemo<RowActions>(
    () => ({
      onFold: (row, isFolded) => viewport.setFolded(row, isFolded),
      onSelect: (row) => select.current(row),
      onFocus: (row) => (viewport.focusRow.value = row),
      onPoint: (next) => (pointed.value = next),
    }),
    [viewport],
  );
  const visible = viewport.visible.value;
  const places = placesToHold(layout.window, placeOf(visible, viewport.focusRow.value), visible.length);
  const found = viewport.found.value;
  const indentPx = useMemo(() => indentStepPx(viewport.columns), [viewport]);
  return (
    <div
      class="grid"
      role="treegrid"
      aria-label={t("spansOfTrace")}
      aria-rowcount={visible.length}
      aria-readonly="true"
      style={{ "--name-width": `${layout.nameWidthPx}px`, "--indent": `${indentPx}px` }}
    >
      {places.map((place) => {
        const row = at(visible, place);
        return (
          <Row
            key={row}
            row={row}
            place={place}
            columns={viewport.columns}
            scale={layout.scale}
            shape={layout.shape}
            colors={props.colors}
            isDark={isDark.value}
            isFolded={viewport.folded.value.has(row)}
            isFocused={viewport.focusRow.value === row}
            isSelected={viewport.selectedRow.value === row}
            isFound={found === null ? null : found.has(row)}
            pointedEvent={pointed.value?.row === row ? pointed.value.group.firstEvent : -1}
            actions={actions}
          />
        );
      })}
      {pointed.value && <EventPopup columns={viewport.columns} pointed={pointed.value} />}
    </div>
  );
}

/** The indent of one level: deep trees get narrow steps, so that names keep their room. */
function indentStepPx(columns: TraceColumns): number {
  const deepest = columns.depth.reduce((most, depth) => Math.max(most, depth), 1);
  return Math.round(clamp(INDENT_ROOM_PX / Math.min(deepest, INDENT_LEVELS_MAX), 6, 12));
}

/** The places in the window, and the one with focus wherever it is: losing it loses the keyboard. */
function placesToHold(window: Window, focusPlace: number, rowCount: number): number[] {
  const places = Array.from({ length: Math.max(0, window.end - window.first) }, (_, index) => window.first + index);
  if (focusPlace < window.first && focusPlace < rowCount) places.unshift(focusPlace);
  else if (focusPlace >= window.end && focusPlace < rowCount) places.push(focusPlace);
  return places;
}
