import { describe, expect, test } from "vitest";
import { DOM_ROWS_MAX, plotScale, PLOT_EDGE_PX, rowWindow } from "./shape";

describe("the window of rows", () => {
  test("holds all rows of a short trace", () => {
    expect(rowWindow(0, 600, 30, 4)).toEqual({ first: 0, end: 4 });
  });

  test("covers what is in sight, wherever it is scrolled to", () => {
    for (let top = 0; top < 3_000_000; top += 7777) {
      const { first, end } = rowWindow(top, 900, 30, 100_000);
      expect(first).toBeLessThanOrEqual(Math.floor(top / 30));
      expect(end).toBeGreaterThanOrEqual(Math.min(100_000, Math.ceil((top + 900) / 30)));
      expect(end - first).toBeLessThanOrEqual(DOM_ROWS_MAX);
    }
  });
});

test("both ends of the axis have room for a whole dot", () => {
  const scale = plotScale({ startNs: 0, endNs: 100 }, 500);
  expect([scale.toPx(0), scale.toPx(100)]).toEqual([PLOT_EDGE_PX, 500 - PLOT_EDGE_PX]);
});
