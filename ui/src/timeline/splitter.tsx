// The line between names and bars; it can be dragged, and moved with the arrow keys.

import { signal } from "@preact/signals";
import { clamp } from "../base/numbers";
import { t } from "../i18n";

const WIDTH_MIN_PX = 180;

/** The share of the page that names take at first, and at most. */
const SHARE_AT_FIRST = 0.5;
const SHARE_MAX = 0.7;

/** How far one press of an arrow key moves the line. */
const KEY_STEP_PX = 24;

const chosenPx = signal<number | null>(null);

/** The width for names on a timeline of some width, as chosen or as usual. */
export function nameWidthPx(widthPx: number): number {
  return Math.round(
    clamp(
      chosenPx.value ?? Math.min(400, widthPx * SHARE_AT_FIRST),
      WIDTH_MIN_PX,
      Math.max(WIDTH_MIN_PX, widthPx * SHARE_MAX),
    ),
  );
}

/** The line. */
export function Splitter({ atPx, widthPx }: { readonly atPx: number; readonly widthPx: number }) {
  const drag = (event: PointerEvent) => {
    const line = event.currentTarget;
    if (!(line instanceof HTMLElement) || !line.hasPointerCapture(event.pointerId)) return;
    chosenPx.value = event.clientX - (line.parentElement?.getBoundingClientRect().left ?? 0);
  };
  const press = (event: KeyboardEvent) => {
    const by = event.key === "ArrowLeft" ? -KEY_STEP_PX : event.key === "ArrowRight" ? KEY_STEP_PX : 0;
    if (by === 0) return;
    event.preventDefault();
    event.stopPropagation();
    chosenPx.value = nameWidthPx(widthPx) + by;
  };
  return (
    <div
      class="splitter"
      role="separator"
      aria-orientation="vertical"
      aria-label={t("nameWidth")}
      tabIndex={0}
      aria-valuemin={WIDTH_MIN_PX}
      aria-valuemax={Math.round(widthPx * SHARE_MAX)}
      aria-valuenow={atPx}
      style={{ left: `${atPx}px` }}
      onKeyDown={press}
      onPointerMove={drag}
      onPointerDown={(event) => event.currentTarget.setPointerCapture(event.pointerId)}
    />
  );
}
