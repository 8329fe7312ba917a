// What of a trace is in view and what has the attention: folded rows, the stretch of time, the
// row with focus, the selected row, the rows found. Knows no element; the timeline draws it.

import { computed, signal } from "@preact/signals";
import { at, fitInterval, zoomInterval, type Interval } from "../base/numbers";
import { containsText, showUnseen } from "../base/text";
import { callerOf, endNs, FLAG_ERROR, serviceOf, stringAt, type TraceColumns } from "../trace/columns";
import { ancestors, foldableRows, hasChildren, nextRow, placeOf, visibleRows } from "../trace/tree";

/** The shortest stretch that can be zoomed to. */
const INTERVAL_MIN_NS = 100;

/** The factor of one step of zoom. */
const ZOOM_STEP = 1.5;

/** The view of one trace. */
export class Viewport {
  /** The whole axis: every bar and every event. */
  readonly whole: Interval;
  readonly interval;
  readonly folded = signal<ReadonlySet<number>>(new Set());
  readonly visible = computed(() => visibleRows(this.columns, this.folded.value));
  readonly focusRow = signal(0);
  /** Grows whenever the row with focus shall get the keyboard and come into sight. */
  readonly focusTurn = signal(0);
  readonly selectedRow = signal(-1);
  readonly wanted = signal("");
  readonly found = computed(() => this.#find(this.wanted.value));

  constructor(readonly columns: TraceColumns) {
    this.whole = wholeInterval(columns);
    this.interval = signal(this.whole);
  }

  /** True while less than the whole axis is shown. */
  readonly isZoomed = computed(() => this.interval.value !== this.whole);

  /** Shows a stretch of time, cut to the trace. */
  zoomTo(wanted: Interval): void {
    const fitted = fitInterval(wanted, this.whole, INTERVAL_MIN_NS);
    const isWhole = fitted.endNs - fitted.startNs >= this.whole.endNs - this.whole.startNs;
    this.interval.value = isWhole ? this.whole : fitted;
  }

  /** Zooms one step in (1) or out (-1), around a time or around the row with focus. */
  zoomBy(steps: number, aroundNs = this.#middleOfAttention()): void {
    this.zoomTo(zoomInterval(this.interval.peek(), ZOOM_STEP ** -steps, aroundNs));
  }

  /** Moves the stretch by a share of its length. */
  pan(share: number): void {
    const { startNs, endNs: last } = this.interval.peek();
    const by = (last - startNs) * share;
    this.zoomTo({ startNs: startNs + by, endNs: last + by });
  }

  /** Shows the whole axis. */
  resetZoom(): void {
    this.interval.value = this.whole;
  }

  /** Folds or unfolds one row. */
  setFolded(row: number, isFolded: boolean): void {
    if (!hasChildren(this.columns, row) || this.folded.peek().has(row) === isFolded) return;
    const folded = new Set(this.folded.peek());
    if (isFolded) folded.add(row);
    else folded.delete(row);
    this.folded.value = folded;
    this.focusRow.value = at(this.visible.value, placeOf(this.visible.value, this.focusRow.peek()));
  }

  /** Folds every row under the top ones, or unfolds all. */
  foldAll(isFolded: boolean): void {
    this.folded.value = isFolded ? foldableRows(this.columns) : new Set();
    this.focusRow.value = at(this.visible.value, placeOf(this.visible.value, this.focusRow.peek()));
  }

  /** Moves the focus by visible rows, stopping at the ends. */
  moveFocus(by: number): void {
    const visible = this.visible.peek();
    const place = placeOf(visible, this.focusRow.peek()) + by;
    this.focusRow.value = at(visible, Math.max(0, Math.min(place, visible.length - 1)));
  }

  /** Moves the focus to a row and unfolds what hides it. */
  reveal(row: number): void {
    if (row < 0 || row >= this.columns.rowCount) return;
    const hiding = ancestors(this.columns, row).filter((above) => this.folded.peek().has(above));
    if (hiding.length > 0) {
      const folded = new Set(this.folded.peek());
      for (const above of hiding) folded.delete(above);
      this.folded.value = folded;
    }
    this.focusRow.value = row;
  }

  /** Goes left in the tree: folds the row, or goes to its parent when there is nothing to fold. */
  goLeft(): void {
    const row = this.focusRow.peek();
    const parent = this.columns.parent[row] ?? -1;
    if (hasChildren(this.columns, row) && !this.folded.peek().has(row)) this.setFolded(row, true);
    else if (parent >= 0) this.focusRow.value = parent;
  }

  /** Goes right in the tree: unfolds the row, or goes to its first child. */
  goRight(): void {
    const row = this.focusRow.peek();
    if (!hasChildren(this.columns, row)) return;
    if (this.folded.peek().has(row)) this.setFolded(row, false);
    else this.focusRow.value = row + 1;
  }

  /** Goes to the next or previous row that was found; false when there is none. */
  goToFound(step: 1 | -1): boolean {
    const found = this.found.peek();
    return this.#goTo(step, (row) => found?.has(row) ?? false);
  }

  /** Goes to the next or previous row with an error; false when there is none. */
  goToError(step: 1 | -1): boolean {
    return this.#goTo(step, (row) => (at(this.columns.flags, row) & FLAG_ERROR) !== 0);
  }

  #goTo(step: 1 | -1, passes: (row: number) => boolean): boolean {
    const row = nextRow(this.columns.rowCount, this.focusRow.peek(), step, passes);
    this.reveal(row);
    return row >= 0;
  }

  #middleOfAttention(): number {
    const { startNs, endNs: last } = this.interval.peek();
    const row = this.focusRow.peek();
    const middle = (at(this.columns.startNs, row) + endNs(this.columns, row)) / 2;
    return middle >= startNs && middle <= last ? middle : (startNs + last) / 2;
  }

  #find(wanted: string): ReadonlySet<number> | null {
    if (wanted.trim() === "") return null;
    const { columns } = this;
    const isWanted = columns.strings.map((text) => containsText(text, wanted.trim()));
    const found = new Set<number>();
    for (let row = 0; row < columns.rowCount; row += 1) {
      if (this.#rowHas(row, isWanted) || columns.spanId[row] === wanted.trim().toLowerCase()) found.add(row);
    }
    return found;
  }

  #rowHas(row: number, isWanted: readonly boolean[]): boolean {
    const { columns } = this;
    if (
      isWanted[at(columns.name, row)] ||
      isWanted[columns.service[row] ?? -1] ||
      isWanted[columns.clientService[row] ?? -1]
    )
      return true;
    for (let event = at(columns.eventFirst, row); event < at(columns.eventFirst, row + 1); event += 1) {
      if (isWanted[at(columns.eventDetail, event)]) return true;
    }
    return false;
  }
}

/** A row in words: `client → server · HTTP GET`. */
export function rowTitle(columns: TraceColumns, row: number): string {
  const services = [callerOf(columns, row), serviceOf(columns, row)].filter((name) => name !== null);
  const words = [[...new Set(services)].join(" → "), stringAt(columns, at(columns.name, row))];
  return showUnseen(words.filter((text) => text !== "").join(" · "));
}

function wholeInterval(columns: TraceColumns): Interval {
  let startNs = Math.min(0, columns.extentStartNs);
  let last = columns.extentEndNs;
  for (const offset of columns.eventOffsetNs) {
    if (Number.isNaN(offset)) continue;
    startNs = Math.min(startNs, offset);
    last = Math.max(last, offset);
  }
  return { startNs, endNs: last };
}
