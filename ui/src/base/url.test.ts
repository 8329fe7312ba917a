import { expect, test } from "vitest";
import { parseInterval, query, routeOf, tracePath } from "./url";

test("paths lead to their pages", () => {
  expect(
    ["/", "/index.html", "/dependencies", "/traces/abc", "/traces/abc/", "/traces/", "/nothing"].map(
      (path) => routeOf(path).page,
    ),
  ).toEqual(["search", "search", "dependencies", "trace", "trace", "missing", "missing"]);
});

test("a trace id comes through its path whole, even a broken one", () => {
  expect(routeOf(tracePath("a/b c%"))).toEqual({ page: "trace", traceId: "a/b c%" });
  expect(routeOf("/traces/%zz")).toEqual({ page: "trace", traceId: "%zz" });
});

test("absent parameters are left out and the others escaped", () => {
  expect(query({ a: "x&y", b: null, c: "", d: 0, e: true, f: false, g: undefined })).toBe("?a=x%26y&d=0&e=true");
  expect(query({})).toBe("");
});

test("intervals are read from addresses", () => {
  expect(parseInterval("100..200")).toEqual({ startNs: 100, endNs: 200 });
  expect(parseInterval("-300..-5")).toEqual({ startNs: -300, endNs: -5 });
  for (const text of ["200..100", "5..5", "a..b", "", "5-9", null]) expect(parseInterval(text)).toBeNull();
});
