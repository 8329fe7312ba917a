// What is searched for, and its form in the address. Pure. The parameter names are Zipkin's, so
// that a link of Zipkin's UI that was redirected here still finds the same traces.

import { durationUsText, lookbackText, parseDurationUs, parseLookbackMs } from "../../base/time";
import { query } from "../../base/url";
import type { TraceSummary } from "../../api/types";

/** The columns that results are sorted by. */
export const SORT_KEYS = ["start", "duration", "spans", "errors"] as const;

/** One of the columns that results are sorted by. */
export type SortKey = (typeof SORT_KEYS)[number];

/** A search. */
export interface SearchState {
  readonly serviceName: string;
  readonly spanName: string;
  readonly remoteServiceName: string;
  /** A second service that a trace must have part of; picked from the answer, not by the server. */
  readonly alsoService: string;
  readonly annotationQuery: string;
  readonly minDurationUs: number | null;
  readonly maxDurationUs: number | null;
  readonly lookbackMs: number;
  /** The end of the searched time; null means now. */
  readonly endTsMs: number | null;
  readonly limit: number;
  readonly sortBy: SortKey;
  readonly isAscending: boolean;
}

/** The numbers of results to choose from. */
export const LIMITS = [10, 20, 50, 100, 250, 1000] as const;

/** The search of a page opened without parameters. */
export const DEFAULT_SEARCH: SearchState = {
  serviceName: "",
  spanName: "",
  remoteServiceName: "",
  alsoService: "",
  annotationQuery: "",
  minDurationUs: null,
  maxDurationUs: null,
  lookbackMs: 3_600_000,
  endTsMs: null,
  limit: 20,
  sortBy: "start",
  isAscending: false,
};

/** Reads a search from the parameters of an address; what makes no sense there is left out. */
export function readSearch(parameters: URLSearchParams): SearchState {
  const [sortBy, isAscending] = readSort(parameters.get("sort"));
  return {
    serviceName: name(parameters, "serviceName"),
    spanName: name(parameters, "spanName"),
    remoteServiceName: name(parameters, "remoteServiceName"),
    alsoService: name(parameters, "alsoService"),
    annotationQuery: (parameters.get("annotationQuery") ?? "").trim(),
    minDurationUs: duration(parameters.get("minDuration")),
    maxDurationUs: duration(parameters.get("maxDuration")),
    lookbackMs: parseLookbackMs(parameters.get("lookback") ?? "") ?? DEFAULT_SEARCH.lookbackMs,
    endTsMs: whole(parameters.get("endTs")),
    limit: Math.min(whole(parameters.get("limit")) ?? DEFAULT_SEARCH.limit, 10_000),
    sortBy,
    isAscending,
  };
}

function name(parameters: URLSearchParams, key: string): string {
  const value = (parameters.get(key) ?? "").trim();
  // Zipkin's old links say `all` where they mean any.
  return value === "all" ? "" : value;
}

function whole(text: string | null): number | null {
  return text !== null && /^[1-9]\d{0,15}$/.test(text) ? Number(text) : null;
}

function duration(text: string | null): number | null {
  // Zipkin's links carry bare microseconds.
  return whole(text) ?? parseDurationUs(text ?? "");
}

function readSort(text: string | null): [SortKey, boolean] {
  const isAscending = text?.startsWith("+") ?? false;
  const key = text?.replace(/^[+ -]/, "");
  return [SORT_KEYS.find((one) => one === key) ?? "start", isAscending];
}

/** The address of a search; what is as usual is left out. */
export function searchAddress(state: SearchState): string {
  const isUsualSort = state.sortBy === "start" && !state.isAscending;
  return `/${query({
    serviceName: state.serviceName,
    spanName: state.spanName,
    remoteServiceName: state.remoteServiceName,
    alsoService: state.alsoService,
    annotationQuery: state.annotationQuery,
    minDuration: state.minDurationUs === null ? null : durationUsText(state.minDurationUs),
    maxDuration: state.maxDurationUs === null ? null : durationUsText(state.maxDurationUs),
    lookback: lookbackText(state.lookbackMs),
    endTs: state.endTsMs,
    limit: state.limit,
    sort: isUsualSort ? null : `${state.isAscending ? "+" : ""}${state.sortBy}`,
  })}`;
}

/** The parameters that the server is asked with. */
export function askedParameters(state: SearchState): Record<string, string | number | null> {
  return {
    serviceName: state.serviceName,
    spanName: state.spanName,
    remoteServiceName: state.remoteServiceName,
    annotationQuery: state.annotationQuery,
    // The server takes a maximum only together with a minimum; one microsecond is the least.
    minDuration: state.minDurationUs ?? (state.maxDurationUs === null ? null : 1),
    maxDuration: state.maxDurationUs,
    lookback: state.lookbackMs,
    endTs: state.endTsMs,
    limit: state.limit,
  };
}

/** True when nothing narrows the search but time and number. */
export function isUnconditional(state: SearchState): boolean {
  return (
    state.serviceName === "" &&
    state.spanName === "" &&
    state.remoteServiceName === "" &&
    state.alsoService === "" &&
    state.annotationQuery === "" &&
    state.minDurationUs === null &&
    state.maxDurationUs === null
  );
}

/** Keeps the traces that the second service has part in. */
export function withAlsoService(traces: readonly TraceSummary[], alsoService: string): readonly TraceSummary[] {
  if (alsoService === "") return traces;
  return traces.filter((trace) => trace.services.some((service) => service.name === alsoService));
}

/** Sorts results; equals stay in the server's order, which is newest first. */
export function sortResults(traces: readonly TraceSummary[], by: SortKey, isAscending: boolean): TraceSummary[] {
  const sign = isAscending ? 1 : -1;
  return [...traces].sort((a, b) => sign * compare(a, b, by));
}

function compare(a: TraceSummary, b: TraceSummary, by: SortKey): number {
  if (by === "spans") return a.spanCount - b.spanCount;
  if (by === "errors") return a.errorCount - b.errorCount;
  if (by === "duration") return (a.durationNs ?? -1) - (b.durationNs ?? -1);
  const left = BigInt(a.startNs ?? 0);
  const right = BigInt(b.startNs ?? 0);
  return left < right ? -1 : Number(left > right);
}
