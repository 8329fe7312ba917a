import { describe, expect, test } from "vitest";
import { fitInterval, TimeScale, zoomInterval } from "./numbers";

const WHOLE = { startNs: 0, endNs: 1000 };

describe("intervals", () => {
  test("one that hangs over an end is moved, not cut", () => {
    expect(fitInterval({ startNs: 900, endNs: 1100 }, WHOLE, 10)).toEqual({ startNs: 800, endNs: 1000 });
    expect(fitInterval({ startNs: -50, endNs: 50 }, WHOLE, 10)).toEqual({ startNs: 0, endNs: 100 });
  });

  test("none is longer than the whole or shorter than the least", () => {
    expect(fitInterval({ startNs: -9999, endNs: 9999 }, WHOLE, 10)).toEqual(WHOLE);
    expect(fitInterval({ startNs: 500, endNs: 501 }, WHOLE, 10)).toEqual({ startNs: 500, endNs: 510 });
    expect(fitInterval({ startNs: 0, endNs: 5 }, { startNs: 0, endNs: 5 }, 10)).toEqual({ startNs: 0, endNs: 5 });
  });

  test("zooming keeps the point where it is", () => {
    expect(zoomInterval(WHOLE, 0.5, 200)).toEqual({ startNs: 100, endNs: 600 });
  });
});

describe("scales", () => {
  const scale = new TimeScale({ startNs: 100, endNs: 200 }, 12, 1000);

  test("times become pixels and come back", () => {
    expect([100, 150, 200].map((ns) => scale.toPx(ns))).toEqual([12, 512, 1012]);
    expect(scale.toNs(scale.toPx(137))).toBeCloseTo(137);
  });

  test("an interval of no length puts everything at its left end", () => {
    expect(new TimeScale({ startNs: 5, endNs: 5 }, 12, 1000).toPx(5)).toBe(12);
  });
});
