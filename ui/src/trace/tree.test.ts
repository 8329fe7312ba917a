import { describe, expect, test } from "vitest";
import { traceColumns } from "./columns";
import { traceOf } from "./trace_dsl";
import { ancestors, foldableRows, hasChildren, nextRow, placeOf, under, visibleRows } from "./tree";

const COLUMNS = traceColumns(
  traceOf(`
  a root 0..100
    b left 0..50
      c leaf 0..10
      c leaf 10..20 !
    b right 50..100
  z orphan 0..5 ?
`),
);

describe("tree", () => {
  test("all rows are visible at first", () => {
    expect([...visibleRows(COLUMNS, new Set())]).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test("folding hides the subtree and nothing else", () => {
    expect([...visibleRows(COLUMNS, new Set([1]))]).toEqual([0, 1, 4, 5]);
    expect([...visibleRows(COLUMNS, new Set([0]))]).toEqual([0, 5]);
  });

  test("a fold inside a fold shows again as it was", () => {
    expect([...visibleRows(COLUMNS, new Set([0, 1]))]).toEqual([0, 5]);
  });

  test("the place of a hidden row is that of the row that hides it", () => {
    const visible = visibleRows(COLUMNS, new Set([1]));
    expect([0, 1, 2, 3, 4, 5].map((row) => placeOf(visible, row))).toEqual([0, 1, 1, 1, 2, 3]);
  });

  test("only rows with children fold", () => {
    expect([0, 1, 2, 4, 5].map((row) => hasChildren(COLUMNS, row))).toEqual([true, true, false, false, false]);
    expect([...foldableRows(COLUMNS)]).toEqual([1]);
  });

  test("ancestors are named nearest first", () => {
    expect(ancestors(COLUMNS, 3)).toEqual([1, 0]);
  });

  test("a folded row knows of an error under it", () => {
    expect(under(COLUMNS, 1)).toEqual({ rowCount: 2, hasError: true });
    expect(under(COLUMNS, 4)).toEqual({ rowCount: 0, hasError: false });
  });

  test("the search for a row goes around the end", () => {
    expect(nextRow(6, 4, 1, (row) => row === 3)).toBe(3);
    expect(nextRow(6, 0, -1, (row) => row >= 4)).toBe(5);
    expect(nextRow(6, 0, 1, () => false)).toBe(-1);
  });
});
