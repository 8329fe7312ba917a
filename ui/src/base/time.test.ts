import { describe, expect, test } from "vitest";
import {
  ago,
  durationUsText,
  formatDuration,
  formatOffset,
  parseDurationUs,
  parseLookbackMs,
  toMs,
  wallTime,
} from "./time";

describe("durations", () => {
  test.each([
    [0, "0 ns"],
    [850, "850 ns"],
    [38_000, "38 µs"],
    [1500, "1.5 µs"],
    [13_154_000, "13.154 ms"],
    [999_999_999, "1 s"],
    [999_999_000, "999.999 ms"],
    [1_234_000_000, "1.234 s"],
    [125_100_000_000, "2 min 5.1 s"],
    [60_000_000_000, "1 min"],
    [11_520_000_000_000, "3 h 12 min"],
    [90_000_000_000_000, "1 d 1 h"],
    [-1_200_000, "\u22121.2 ms"],
  ])("%d ns is written %s", (ns, text) => expect(formatDuration(ns)).toBe(text));

  test("offsets carry their sign", () => {
    expect([0, 180_000, -5000].map(formatOffset)).toEqual(["0", "+180 µs", "\u22125 µs"]);
  });

  test.each([
    ["10ms", 10_000],
    ["250us", 250],
    ["250µs", 250],
    [" 1.5 s ", 1_500_000],
    ["2min", 120_000_000],
    ["1H", 3_600_000_000],
  ])("%s is read", (text, us) => expect(parseDurationUs(text)).toBe(us));

  test.each(["", "10", "ms", "-1ms", "1e9s", "10 parsecs", "0ms", "99999999999999999h", "constructor"])(
    "%j is refused",
    (text) => {
      expect(parseDurationUs(text)).toBeNull();
    },
  );

  test("what is written is read back", () => {
    for (const us of [1, 999, 1000, 10_500, 2_000_000]) expect(parseDurationUs(durationUsText(us))).toBe(us);
  });
});

describe("look-backs", () => {
  test.each([
    ["15m", 900_000],
    ["1h", 3_600_000],
    ["7d", 604_800_000],
    ["90000", 90_000],
    ["0", null],
    ["x", null],
    ["1w", null],
  ])("%s", (text, ms) => expect(parseLookbackMs(text)).toBe(ms));
});

describe("wall times", () => {
  test("no digit is lost", () => {
    expect(wallTime("1795364932883255000")?.utc).toBe("2026-11-22T16:28:52.883255Z");
    expect(wallTime("1795364932883255001")?.utc).toBe("2026-11-22T16:28:52.883255001Z");
    expect(toMs("1795364932883255001")).toBe(1_795_364_932_883);
  });

  test("what is no time is none", () => {
    expect(["", "-5", "1.5", "99999999999999999999999"].map(wallTime)).toEqual([null, null, null, null]);
  });
});

test("ages are rounded down to their largest unit", () => {
  const now = 1e12;
  expect([5e3, 119e3, 7.3e6, 2e8, -5].map((age) => ago(now - age, now))).toEqual([
    { count: 5, unit: "second" },
    { count: 1, unit: "minute" },
    { count: 2, unit: "hour" },
    { count: 2, unit: "day" },
    { count: 0, unit: "second" },
  ]);
});
