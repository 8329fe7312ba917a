// The answers of the server's own API under /api/spandrel, as they come.
// Times: a start is nanoseconds since 1970 as decimal text, the rest are nanoseconds as numbers.

/** Answer of /services. */
export interface ServicesAnswer {
  readonly services: readonly string[];
}

/** Answer of /operations. */
export interface OperationsAnswer {
  readonly spanNames: readonly string[];
  readonly remoteServices: readonly string[];
}

/** A service in a trace and how many joined rows it has part in. */
export interface ServiceCount {
  readonly name: string;
  readonly spanCount: number;
}

/** One trace in a list of results. */
export interface TraceSummary {
  readonly traceId: string;
  readonly startNs: string | null;
  readonly durationNs: number | null;
  readonly rootService: string | null;
  readonly rootName: string | null;
  readonly spanCount: number;
  readonly errorCount: number;
  readonly services: readonly ServiceCount[];
}

/** Answer of /traces. */
export interface TracesAnswer {
  readonly traces: readonly TraceSummary[];
  readonly limit: number;
  /** True when the server looked at as much as it may and stopped. */
  readonly isCut?: boolean;
}

/** How far the clock of one host was moved. */
export interface SkewCorrection {
  readonly service: string | null;
  readonly address: string | null;
  readonly skewNs: number;
}

/** The rows of a trace, one entry a column for each joined row, depth first. */
export interface TraceRows {
  readonly spanId: readonly string[];
  readonly parent: readonly number[];
  readonly depth: readonly number[];
  readonly name: readonly number[];
  readonly service: readonly number[];
  readonly clientService: readonly number[];
  readonly kind: readonly number[];
  readonly startNs: readonly (number | null)[];
  readonly durationNs: readonly (number | null)[];
  readonly serverStartNs: readonly (number | null)[];
  readonly serverDurationNs: readonly (number | null)[];
  readonly flags: readonly number[];
}

/** The events of a trace, sorted by row and then by time. */
export interface TraceEvents {
  readonly row: readonly number[];
  readonly offsetNs: readonly number[];
  readonly label: readonly number[];
  readonly detail: readonly number[];
}

/** Answer of /traces/{id}. */
export interface TraceAnswer {
  readonly traceId: string;
  readonly startNs: string | null;
  readonly durationNs: number | null;
  readonly spanCount: number;
  readonly receivedSpanCount: number;
  readonly errorCount: number;
  readonly isSkewCorrected: boolean;
  readonly corrections: readonly SkewCorrection[];
  readonly hasRoot: boolean;
  readonly services: readonly { readonly name: number; readonly spanCount: number }[];
  readonly strings: readonly string[];
  readonly rows: TraceRows;
  readonly events: TraceEvents;
}

/** A key and a value with its type, value always as text. */
export interface TypedValue {
  readonly key: string;
  readonly type: string;
  readonly value: string;
}

/** A link from a span to another. */
export interface SpanLink {
  readonly traceId: string;
  readonly spanId: string;
  readonly kind: string;
}

/** What one side of a call sent about a span. */
export interface SpanHalf {
  readonly service: string | null;
  readonly kind: string | null;
  readonly isShared: boolean;
  readonly name: string | null;
  readonly startNs: string | null;
  readonly offsetNs: number | null;
  readonly durationNs: number | null;
  readonly localAddress: string | null;
  readonly remoteAddress: string | null;
  readonly status: { readonly code: string; readonly message: string };
  readonly scope: string | null;
  readonly resource: readonly TypedValue[];
  readonly links: readonly SpanLink[];
}

/** Something that happened in a span. */
export interface SpanEvent {
  readonly timeNs: string;
  readonly offsetNs: number;
  readonly label: string;
  readonly isDerived: boolean;
  readonly address: string | null;
  readonly service: string | null;
  readonly text: string | null;
  readonly attributes: readonly TypedValue[];
}

/** Answer of /traces/{id}/spans/{id}. */
export interface SpanAnswer {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string | null;
  readonly name: string;
  readonly traceStartNs: string | null;
  readonly halves: readonly SpanHalf[];
  readonly events: readonly SpanEvent[];
  readonly tags: readonly (TypedValue & { readonly service: string | null })[];
}

/** Calls from one service to another. */
export interface DependencyLink {
  readonly parent: string;
  readonly child: string;
  readonly callCount: number;
  readonly errorCount: number;
}

/** Answer of /dependencies. */
export interface DependenciesAnswer {
  readonly links: readonly DependencyLink[];
}
