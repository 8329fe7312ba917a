import { describe, expect, test } from "vitest";
import { TimeScale } from "../base/numbers";
import { bands } from "./bands";
import { traceColumns } from "./columns";
import { traceOf } from "./trace_dsl";

const COLUMNS = traceColumns(traceOf("a x 0..10\n  a y 0..5\n  a z 5..10 !\n  a none -"));
const SCALE = new TimeScale({ startNs: 0, endNs: 10_000 }, 0, 10);

describe("bands", () => {
  test("with room for every row each has its own band", () => {
    const { bandCount, widthPx, busy } = bands(COLUMNS, SCALE, 40);
    expect(bandCount).toBe(4);
    expect([...busy.slice(widthPx, widthPx + 6)]).toEqual([1, 1, 1, 1, 1, 0]);
  });

  test("with little room bands count the rows that share them", () => {
    const { bandCount, busy } = bands(COLUMNS, SCALE, 1);
    expect(bandCount).toBe(1);
    expect([...busy.slice(0, 10)]).toEqual([2, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
  });

  test("errors are counted apart", () => {
    const { errors } = bands(COLUMNS, SCALE, 1);
    expect([...errors.slice(0, 10)]).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
  });
});
