import { describe, expect, test } from "vitest";
import { TimeScale } from "../base/numbers";
import { traceColumns } from "./columns";
import { BAR_MIN_PX, barExtent, eventGroups, fitLabels, serverExtent } from "./hit_test";
import { traceOf } from "./trace_dsl";

const COLUMNS = traceColumns(
  traceOf(`
  server call 0..1000 from=client@200..600 *0:first *3:second *500:middle *1001:late
  a tiny 500..500
  a none -
`),
);
const SCALE = new TimeScale({ startNs: 0, endNs: 1_000_000 }, 12, 1000);

describe("bars", () => {
  test("a bar covers its time and the server's half lies inside of it", () => {
    expect(barExtent(COLUMNS, 0, SCALE)).toEqual({ leftPx: 12, widthPx: 1000 });
    expect(serverExtent(COLUMNS, 0, SCALE)).toEqual({ leftPx: 212, widthPx: 400 });
  });

  test("a span of no length is still seen, one without a time is not", () => {
    expect(barExtent(COLUMNS, 1, SCALE)?.widthPx).toBe(BAR_MIN_PX);
    expect(barExtent(COLUMNS, 2, SCALE)).toBeNull();
    expect(serverExtent(COLUMNS, 1, SCALE)).toBeNull();
  });
});

describe("dots", () => {
  test("dots too close to point at apart share a button", () => {
    const groups = eventGroups(COLUMNS, 0, SCALE, 12);
    expect(groups.map((group) => [group.firstEvent, group.eventCount])).toEqual([
      [0, 2],
      [2, 1],
      [3, 1],
    ]);
  });

  test("an event a microsecond past the end is not lost", () => {
    expect(eventGroups(COLUMNS, 0, SCALE, 12).at(-1)?.leftPx).toBeCloseTo(1013);
  });

  test("events outside of a zoomed stretch have no button", () => {
    const zoomed = new TimeScale({ startNs: 400_000, endNs: 600_000 }, 12, 1000);
    expect(eventGroups(COLUMNS, 0, zoomed, 12).map((group) => group.firstEvent)).toEqual([2]);
  });
});

describe("labels", () => {
  const widthOf = (text: string) => text.length * 10;

  test("a label that would run into the one before is left out", () => {
    const wanted = [
      { text: "abcd", leftPx: 0 },
      { text: "ef", leftPx: 30 },
      { text: "gh", leftPx: 60 },
    ];
    expect(fitLabels(wanted, 1000, widthOf).map((label) => label.text)).toEqual(["abcd", "gh"]);
  });

  test("a label at the right end slides left to stay whole", () => {
    expect(fitLabels([{ text: "abcd", leftPx: 80 }], 100, widthOf)).toEqual([{ text: "abcd", leftPx: 60 }]);
  });
});
