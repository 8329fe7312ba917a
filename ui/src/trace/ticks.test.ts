import { describe, expect, test } from "vitest";
import { ticks, tickStepNs } from "./ticks";

describe("ticks", () => {
  test("steps are 1, 2 or 5 times a power of ten", () => {
    expect([7, 80, 900, 13_838_000].map((length) => tickStepNs(length, 5))).toEqual([2, 20, 200, 5_000_000]);
  });

  test("marks are multiples of the step inside of the interval", () => {
    expect(ticks({ startNs: 0, endNs: 13_838_000 }, 7)).toEqual([0, 2, 4, 6, 8, 10, 12].map((ms) => ms * 1e6));
    expect(ticks({ startNs: 950, endNs: 2100 }, 3)).toEqual([1000, 1500, 2000]);
  });

  test("there are never many more marks than asked for", () => {
    for (let length = 1; length < 1e12; length *= 3) {
      expect(ticks({ startNs: 0, endNs: length }, 8).length).toBeLessThanOrEqual(9);
    }
  });

  test("an interval of no length has one mark", () => {
    expect(ticks({ startNs: 5, endNs: 5 }, 8)).toEqual([5]);
  });
});
