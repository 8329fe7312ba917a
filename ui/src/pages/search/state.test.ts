import { describe, expect, test } from "vitest";
import type { TraceSummary } from "../../api/types";
import { askedParameters, DEFAULT_SEARCH, readSearch, searchAddress, sortResults, withAlsoService } from "./state";

function read(search: string) {
  return readSearch(new URLSearchParams(search));
}

describe("addresses", () => {
  test("an empty one is the usual search", () => expect(read("")).toEqual(DEFAULT_SEARCH));

  test("what is written is read back", () => {
    const state = {
      serviceName: "client",
      spanName: "http get",
      remoteServiceName: "server",
      alsoService: "db",
      annotationQuery: "error and a=b&c",
      minDurationUs: 10_000,
      maxDurationUs: 2_500_000,
      lookbackMs: 123_456,
      endTsMs: 1_700_000_000_000,
      limit: 50,
      sortBy: "duration",
      isAscending: true,
    } as const;
    const address = searchAddress(state);
    expect(read(address.slice(address.indexOf("?")))).toEqual(state);
  });

  test("Zipkin's links are understood", () => {
    const state = read("?serviceName=all&minDuration=10000&lookback=900000&endTs=1700000000000&limit=10");
    expect([state.serviceName, state.minDurationUs, state.lookbackMs, state.endTsMs, state.limit]).toEqual([
      "",
      10_000,
      900_000,
      1_700_000_000_000,
      10,
    ]);
    expect(read("?lookback=15m").lookbackMs).toBe(900_000);
  });

  test("nonsense is left out", () => {
    expect(read("?limit=-5&lookback=x&endTs=now&minDuration=fast&sort=beauty")).toEqual(DEFAULT_SEARCH);
  });
});

test("a maximum alone is asked together with the least minimum", () => {
  expect(askedParameters({ ...DEFAULT_SEARCH, maxDurationUs: 500 })).toMatchObject({
    minDuration: 1,
    maxDuration: 500,
  });
});

test("a second service keeps the traces that it has part in", () => {
  const trace = (...names: string[]) =>
    ({ services: names.map((name) => ({ name, spanCount: 1 })) }) as unknown as TraceSummary;
  const traces = [trace("a", "b"), trace("a")];
  expect(withAlsoService(traces, "b")).toEqual([traces[0]]);
  expect(withAlsoService(traces, "")).toEqual(traces);
});

describe("sorting", () => {
  const trace = (traceId: string, startNs: string | null, durationNs: number | null): TraceSummary => ({
    traceId,
    startNs,
    durationNs,
    rootService: null,
    rootName: null,
    spanCount: 1,
    errorCount: 0,
    services: [],
  });
  const traces = [trace("a", "1700000000000000002", 5), trace("b", "1700000000000000001", null), trace("c", null, 9)];

  test("starts are told apart to the nanosecond, absent ones are earliest", () => {
    expect(sortResults(traces, "start", false).map((one) => one.traceId)).toEqual(["a", "b", "c"]);
  });

  test("absent durations are shortest", () => {
    expect(sortResults(traces, "duration", true).map((one) => one.traceId)).toEqual(["b", "a", "c"]);
  });
});
