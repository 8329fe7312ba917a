// Which rows of a trace are in view while parts of its tree are folded. Pure.

import { at } from "../base/numbers";
import { FLAG_ERROR, type TraceColumns } from "./columns";

/** True when a row has children to fold away. */
export function hasChildren(columns: TraceColumns, row: number): boolean {
  return at(columns.subtreeEnd, row) > row + 1;
}

/** Lists the rows that are not inside a folded one, in order. */
export function visibleRows(columns: TraceColumns, folded: ReadonlySet<number>): Int32Array {
  const rows = new Int32Array(columns.rowCount);
  let count = 0;
  for (let row = 0; row < columns.rowCount;) {
    rows[count] = row;
    count += 1;
    row = folded.has(row) ? at(columns.subtreeEnd, row) : row + 1;
  }
  return rows.subarray(0, count);
}

/** Finds the place of a row among the visible ones, or of the folded row that hides it. */
export function placeOf(visible: Int32Array, row: number): number {
  let low = 0;
  let high = visible.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (at(visible, middle) <= row) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** The rows above a row, nearest first. */
export function ancestors(columns: TraceColumns, row: number): number[] {
  const found: number[] = [];
  for (let above = columns.parent[row] ?? -1; above >= 0; above = columns.parent[above] ?? -1) found.push(above);
  return found;
}

/** Every row that can be folded, except the top ones: folding those would leave nothing. */
export function foldableRows(columns: TraceColumns): Set<number> {
  const rows = new Set<number>();
  for (let row = 0; row < columns.rowCount; row += 1) {
    if (hasChildren(columns, row) && at(columns.parent, row) >= 0) rows.add(row);
  }
  return rows;
}

/** How many rows lie folded away under a row, and whether one of them is an error. */
export function under(columns: TraceColumns, row: number): { rowCount: number; hasError: boolean } {
  const end = at(columns.subtreeEnd, row);
  let hasError = false;
  for (let child = row + 1; child < end && !hasError; child += 1) {
    hasError = (at(columns.flags, child) & FLAG_ERROR) !== 0;
  }
  return { rowCount: end - row - 1, hasError };
}

/** The next row that passes a test, after a row and around the end; -1 when none does. */
export function nextRow(rowCount: number, from: number, step: 1 | -1, passes: (row: number) => boolean): number {
  for (let count = 1; count <= rowCount; count += 1) {
    const row = (((from + step * count) % rowCount) + rowCount) % rowCount;
    if (passes(row)) return row;
  }
  return -1;
}
