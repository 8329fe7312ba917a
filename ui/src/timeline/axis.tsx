// The time axis over the rows; it stays in sight while they scroll. Dragging along it zooms.

import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { TimeScale } from "../base/numbers";
import { formatDuration } from "../base/time";
import { t } from "../i18n";
import { ticks } from "../trace/ticks";
import { applyDrag } from "./overview";
import type { Viewport } from "./viewport";

/** The room that the text of a mark needs. */
const LABEL_ROOM_PX = 56;

/** The axis over the plot. */
export function Axis(props: { readonly viewport: Viewport; readonly scale: TimeScale; readonly tickCountMax: number }) {
  const box = useRef<HTMLDivElement>(null);
  const dragged = useSignal<{ fromPx: number; toPx: number } | null>(null);
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
    if (drag && Math.abs(drag.toPx - drag.fromPx) > 3) applyDrag(props.viewport, props.scale, drag);
  };
  const drag = dragged.value;
  return (
    <div
      ref={box}
      class="axis"
      role="img"
      aria-label={t("axisName", {
        from: formatDuration(props.scale.interval.startNs),
        to: formatDuration(props.scale.interval.endNs),
      })}
      onPointerDown={start}
      onPointerMove={move}
      onPointerUp={end}
      onPointerCancel={() => (dragged.value = null)}
      onDblClick={() => props.viewport.resetZoom()}
    >
      {ticks(props.scale.interval, props.tickCountMax).map((mark) => {
        const leftPx = props.scale.toPx(mark);
        // Near the right end the text stands before its mark, or it would be cut off.
        const isLast = leftPx > props.scale.leftPx + props.scale.widthPx - LABEL_ROOM_PX;
        return (
          <span key={mark} class={isLast ? "tick last" : "tick"} style={{ left: `${leftPx}px` }}>
            {mark === 0 ? "0" : formatDuration(mark)}
          </span>
        );
      })}
      {drag && (
        <i
          class="frame"
          style={{ left: `${Math.min(drag.fromPx, drag.toPx)}px`, width: `${Math.abs(drag.toPx - drag.fromPx)}px` }}
        />
      )}
    </div>
  );
}
