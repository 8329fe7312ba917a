// A trace as columns of numbers: no object per span, so that 100,000 of them stay light.
// Built once from the server's answer and never changed.

import type { TraceAnswer, TraceRows } from "../api/types";
import { at } from "../base/numbers";

/** Bits of `TraceColumns.flags`. */
export const FLAG_ERROR = 1;
export const FLAG_PARENT_MISSING = 2;
export const FLAG_JOINED = 4;
export const FLAG_DEBUG = 8;

/** The names of the values of `TraceColumns.kind`, in their order. */
export const KINDS = ["none", "internal", "server", "client", "producer", "consumer"] as const;

/** A trace by columns. Absent times are NaN, absent services and parents -1. */
export interface TraceColumns {
  readonly rowCount: number;
  readonly strings: readonly string[];
  readonly spanId: readonly string[];
  readonly parent: Int32Array;
  readonly depth: Uint32Array;
  /** The row after the last descendant of each row. */
  readonly subtreeEnd: Int32Array;
  readonly name: Int32Array;
  readonly service: Int32Array;
  readonly clientService: Int32Array;
  readonly kind: Uint8Array;
  readonly flags: Uint8Array;
  readonly startNs: Float64Array;
  readonly durationNs: Float64Array;
  readonly serverStartNs: Float64Array;
  readonly serverDurationNs: Float64Array;
  /** Events of row r lie from `eventFirst[r]` to before `eventFirst[r + 1]`. */
  readonly eventFirst: Uint32Array;
  readonly eventOffsetNs: Float64Array;
  readonly eventLabel: Int32Array;
  readonly eventDetail: Int32Array;
  /** From the earliest to the latest bar, or 0 to 0 when nothing has a time. */
  readonly extentStartNs: number;
  readonly extentEndNs: number;
}

/** Builds the columns, refusing an answer whose columns disagree with each other. */
export function traceColumns(answer: TraceAnswer): TraceColumns {
  const { rows, events } = answer;
  const rowCount = rows.spanId.length;
  for (const [name, column] of Object.entries(rows) as [keyof TraceRows, readonly unknown[]][]) {
    if (column.length !== rowCount) throw new Error(`column ${name} has ${column.length} of ${rowCount} rows`);
  }
  const parent = Int32Array.from(rows.parent);
  for (let row = 0; row < rowCount; row += 1) {
    if (at(parent, row) >= row) throw new Error(`row ${row} comes before its parent`);
  }
  const startNs = times(rows.startNs);
  const durationNs = times(rows.durationNs);
  return {
    rowCount,
    strings: answer.strings,
    spanId: rows.spanId,
    parent,
    depth: Uint32Array.from(rows.depth),
    subtreeEnd: subtreeEnds(parent),
    name: Int32Array.from(rows.name),
    service: Int32Array.from(rows.service),
    clientService: Int32Array.from(rows.clientService),
    kind: Uint8Array.from(rows.kind),
    flags: Uint8Array.from(rows.flags),
    startNs,
    durationNs,
    serverStartNs: times(rows.serverStartNs),
    serverDurationNs: times(rows.serverDurationNs),
    eventFirst: firstByRow(events.row, rowCount),
    eventOffsetNs: times(events.offsetNs),
    eventLabel: Int32Array.from(events.label),
    eventDetail: Int32Array.from(events.detail),
    ...extent(startNs, durationNs),
  };
}

/** The text of a string index; an unknown index reads as nothing. */
export function stringAt(columns: TraceColumns, index: number): string {
  return columns.strings[index] ?? "";
}

/** The name of a row's service, the serving side's where both are known; null when not said. */
export function serviceOf(columns: TraceColumns, row: number): string | null {
  const server = columns.service[row] ?? -1;
  const index = server >= 0 ? server : (columns.clientService[row] ?? -1);
  return index >= 0 ? stringAt(columns, index) : null;
}

/** The name of the calling service, when a row joins both sides of a call. */
export function callerOf(columns: TraceColumns, row: number): string | null {
  if ((at(columns.flags, row) & FLAG_JOINED) === 0) return null;
  const index = columns.clientService[row] ?? -1;
  return index >= 0 ? stringAt(columns, index) : null;
}

/** Where a row's bar ends; its start when there is no duration, NaN when there is no start. */
export function endNs(columns: TraceColumns, row: number): number {
  const duration = at(columns.durationNs, row);
  return at(columns.startNs, row) + (Number.isNaN(duration) ? 0 : duration);
}

function times(values: readonly (number | null)[]): Float64Array {
  return Float64Array.from(values, (value) => value ?? Number.NaN);
}

// Rows come depth first, so a subtree is a run of rows. Walking backwards, each row tells its
// parent how far the subtree reaches.
function subtreeEnds(parent: Int32Array): Int32Array {
  const ends = new Int32Array(parent.length);
  for (let row = parent.length - 1; row >= 0; row -= 1) {
    ends[row] = Math.max(at(ends, row), row + 1);
    const above = at(parent, row);
    if (above >= 0) ends[above] = Math.max(at(ends, above), at(ends, row));
  }
  return ends;
}

function firstByRow(row: readonly number[], rowCount: number): Uint32Array {
  const first = new Uint32Array(rowCount + 1);
  for (const owner of row) {
    if (owner < 0 || owner >= rowCount) throw new Error(`an event belongs to row ${owner} of ${rowCount}`);
    first[owner + 1] = at(first, owner + 1) + 1;
  }
  for (let index = 1; index <= rowCount; index += 1) first[index] = at(first, index) + at(first, index - 1);
  return first;
}

function extent(startNs: Float64Array, durationNs: Float64Array): { extentStartNs: number; extentEndNs: number } {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (let row = 0; row < startNs.length; row += 1) {
    const start = at(startNs, row);
    if (Number.isNaN(start)) continue;
    const duration = at(durationNs, row);
    low = Math.min(low, start);
    high = Math.max(high, start + (Number.isNaN(duration) ? 0 : duration));
  }
  return low > high ? { extentStartNs: 0, extentEndNs: 0 } : { extentStartNs: low, extentEndNs: high };
}
