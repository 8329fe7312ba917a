import { describe, expect, test } from "vitest";
import { callerOf, endNs, serviceOf, traceColumns } from "./columns";
import { traceOf } from "./trace_dsl";

const ARTICLE = traceOf(`
  client client 0..13838
    client HTTP-Client 31..13838
      server HTTP-GET 33..13187 from=client@1246..1284 *86:GetConn *213:DNSStart
      server HTTP-GET 13193..13836 from=client@13431..13729
`);

describe("columns", () => {
  test("subtrees are runs of rows", () => {
    expect([...traceColumns(ARTICLE).subtreeEnd]).toEqual([4, 4, 3, 4]);
  });

  test("the extent reaches from the first start to the last end", () => {
    const columns = traceColumns(ARTICLE);
    expect([columns.extentStartNs, columns.extentEndNs]).toEqual([0, 13_838_000]);
  });

  test("a joined row knows both of its services", () => {
    const columns = traceColumns(ARTICLE);
    expect([callerOf(columns, 2), serviceOf(columns, 2)]).toEqual(["client", "server"]);
    expect([callerOf(columns, 0), serviceOf(columns, 0)]).toEqual([null, "client"]);
  });

  test("absent times are not zero", () => {
    const columns = traceColumns(traceOf("a none -\na open 5.."));
    expect(columns.startNs[0]).toBeNaN();
    expect(columns.durationNs[1]).toBeNaN();
    expect(endNs(columns, 1)).toBe(5000);
  });

  test("a trace without times has an extent of nothing", () => {
    const columns = traceColumns(traceOf("a none -"));
    expect([columns.extentStartNs, columns.extentEndNs]).toEqual([0, 0]);
  });

  test("events are found by row", () => {
    expect([...traceColumns(ARTICLE).eventFirst]).toEqual([0, 0, 0, 2, 2]);
  });

  test("columns of different lengths are refused by name", () => {
    const broken = { ...ARTICLE, rows: { ...ARTICLE.rows, depth: [0] } };
    expect(() => traceColumns(broken)).toThrow("column depth has 1 of 4 rows");
  });

  test("a row before its parent is refused", () => {
    const broken = { ...ARTICLE, rows: { ...ARTICLE.rows, parent: [-1, 2, 1, 1] } };
    expect(() => traceColumns(broken)).toThrow("row 1 comes before its parent");
  });

  test("an event of no row is refused", () => {
    const broken = { ...ARTICLE, events: { row: [9], offsetNs: [0], label: [0], detail: [0] } };
    expect(() => traceColumns(broken)).toThrow("an event belongs to row 9 of 4");
  });
});
