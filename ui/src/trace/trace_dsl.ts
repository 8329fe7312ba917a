// Builds the server's answer for small traces out of lines of text. For tests.

import type { TraceAnswer } from "../api/types";

/**
 * Each line is a row, indented by two spaces a level: `service name start..end`, times in
 * microseconds, then any of `from=caller@start..end` (both halves: the pale one is the whole
 * row, the one after @ the server's), `!` for an error, `?` for a missing parent, and
 * `*offset:label` for events.
 */
export function traceOf(text: string): TraceAnswer {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  const strings: string[] = [];
  const index = (value: string) => (strings.includes(value) ? strings.indexOf(value) : strings.push(value) - 1);
  const rows = {
    spanId: [] as string[],
    parent: [] as number[],
    depth: [] as number[],
    name: [] as number[],
    service: [] as number[],
    clientService: [] as number[],
    kind: [] as number[],
    startNs: [] as (number | null)[],
    durationNs: [] as (number | null)[],
    serverStartNs: [] as (number | null)[],
    serverDurationNs: [] as (number | null)[],
    flags: [] as number[],
  };
  const events = { row: [] as number[], offsetNs: [] as number[], label: [] as number[], detail: [] as number[] };
  const indents = lines.map((line) => line.search(/\S/));
  const base = Math.min(...indents);
  lines.forEach((line, row) => {
    const depth = ((indents[row] ?? 0) - base) / 2;
    const [service = "", name = "", times = "", ...rest] = line.trim().split(" ");
    const [start, end] = span(times);
    const caller = rest
      .find((word) => word.startsWith("from="))
      ?.slice(5)
      .split("@");
    const [serverStart, serverEnd] = span(caller?.[1] ?? "");
    rows.spanId.push((row + 1).toString(16).padStart(16, "0"));
    rows.parent.push(rows.depth.lastIndexOf(depth - 1));
    rows.depth.push(depth);
    rows.name.push(index(name));
    rows.service.push(index(service));
    rows.clientService.push(caller ? index(caller[0] ?? "") : -1);
    rows.kind.push(caller ? 3 : 1);
    rows.startNs.push(start);
    rows.durationNs.push(end === null || start === null ? null : end - start);
    rows.serverStartNs.push(serverStart);
    rows.serverDurationNs.push(serverEnd === null || serverStart === null ? null : serverEnd - serverStart);
    rows.flags.push((rest.includes("!") ? 1 : 0) | (rest.includes("?") ? 2 : 0) | (caller ? 4 : 0));
    for (const word of rest.filter((one) => one.startsWith("*"))) {
      const [offset = "", label = ""] = word.slice(1).split(":");
      events.row.push(row);
      events.offsetNs.push(Number(offset) * 1000);
      events.label.push(index(label));
      events.detail.push(index(label));
    }
  });
  return {
    traceId: "0000000000000001",
    startNs: "1700000000000000000",
    durationNs: null,
    spanCount: lines.length,
    receivedSpanCount: lines.length,
    errorCount: 0,
    isSkewCorrected: false,
    corrections: [],
    hasRoot: true,
    services: [],
    strings,
    rows,
    events,
  };
}

function span(text: string): [number | null, number | null] {
  const parts = /^(\d+)\.\.(\d+)?$/.exec(text);
  if (!parts) return [null, null];
  return [Number(parts[1]) * 1000, parts[2] === undefined ? null : Number(parts[2]) * 1000];
}
