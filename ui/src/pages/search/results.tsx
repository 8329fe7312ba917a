// The found traces, sortable, each with how long it took beside the others.

import type { TraceSummary } from "../../api/types";
import { serviceColors } from "../../base/color";
import { showUnseen } from "../../base/text";
import { ago, formatDuration, toMs, wallTime } from "../../base/time";
import { tracePath } from "../../base/url";
import { counted, formatCount, t } from "../../i18n";
import { isDark } from "../../shell/preferences";
import { SORT_KEYS, sortResults, type SearchState, type SortKey } from "./state";

/** The most services named in one row; the rest are a number. */
const SERVICES_SHOWN_MAX = 8;

/** The table of results. */
export function Results(props: {
  readonly traces: readonly TraceSummary[];
  /** True when the server stopped at the limit; older traces may match, too. */
  readonly isMore: boolean;
  readonly state: SearchState;
  readonly onSort: (by: SortKey) => void;
}) {
  const { state, traces } = props;
  const longestNs = traces.reduce((longest, trace) => Math.max(longest, trace.durationNs ?? 0), 1);
  const sorted = sortResults(traces, state.sortBy, state.isAscending);
  return (
    <section class="results" aria-labelledby="results-title">
      <h2 id="results-title" aria-live="polite">
        {counted("traces", traces.length)}
        {props.isMore && <small> {t("limitReached")}</small>}
      </h2>
      <table role="table" aria-labelledby="results-title">
        <thead role="rowgroup">
          <tr role="row">
            <th role="columnheader" scope="col">
              {t("trace")}
            </th>
            {SORT_KEYS.map((key) => (
              <SortHeader key={key} by={key} state={state} onSort={props.onSort} />
            ))}
            <th role="columnheader" scope="col">
              {t("services")}
            </th>
          </tr>
        </thead>
        <tbody role="rowgroup">
          {sorted.map((trace) => (
            <ResultRow key={trace.traceId} trace={trace} longestNs={longestNs} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function SortHeader({ by, state, onSort }: { by: SortKey; state: SearchState; onSort: (by: SortKey) => void }) {
  const isSorted = state.sortBy === by;
  const order = isSorted ? (state.isAscending ? "ascending" : "descending") : "none";
  return (
    <th role="columnheader" scope="col" class={`sort-${by}`} aria-sort={order}>
      <button type="button" onClick={() => onSort(by)}>
        {t(`column.${by}`)}
        <span aria-hidden="true" class="arrow">
          {isSorted ? (state.isAscending ? "▲" : "▼") : ""}
        </span>
      </button>
    </th>
  );
}

function ResultRow({ trace, longestNs }: { trace: TraceSummary; longestNs: number }) {
  return (
    <tr role="row" class={trace.errorCount > 0 ? "has-error" : undefined}>
      <td role="cell" class="what">
        <a href={tracePath(trace.traceId)}>
          <b>{rootText(trace)}</b> <span>{trace.rootName === null ? "" : showUnseen(trace.rootName)}</span>
        </a>
        <code>{trace.traceId}</code>
      </td>
      <td role="cell" class="start">
        <Start startNs={trace.startNs} />
      </td>
      <td role="cell" class="duration">
        <span>{trace.durationNs === null ? "–" : formatDuration(trace.durationNs)}</span>
        <span class="bar" aria-hidden="true">
          <i style={{ width: `${(100 * (trace.durationNs ?? 0)) / longestNs}%` }} />
        </span>
      </td>
      <td role="cell" class="count spans">
        {formatCount(trace.spanCount)}
        <span class="unit"> {t("column.spans")}</span>
      </td>
      <td role="cell" class="count errors">
        {trace.errorCount > 0 ? (
          <span class="error-mark">{formatCount(trace.errorCount)}</span>
        ) : (
          <span class="none">0</span>
        )}
        <span class="unit"> {t("column.errors")}</span>
      </td>
      <td role="cell" class="services">
        <Services trace={trace} />
      </td>
    </tr>
  );
}

/** The root's service; a root may have none, and a trace may have no root. */
function rootText(trace: TraceSummary): string {
  if (trace.rootService !== null) return showUnseen(trace.rootService);
  return t(trace.rootName === null ? "noRoot" : "unknownService");
}

function Start({ startNs }: { startNs: string | null }) {
  const wall = startNs === null ? null : wallTime(startNs);
  if (startNs === null || wall === null) return <>–</>;
  const age = ago(toMs(startNs), Date.now());
  const text = t(age.count === 1 ? `ago.${age.unit}` : `ago.${age.unit}s`, { count: age.count });
  return (
    <time dateTime={wall.utc} title={wall.utc}>
      <span>{text}</span>{" "}
      <small>
        {wall.date} {wall.time.slice(0, 12)}
      </small>
    </time>
  );
}

function Services({ trace }: { trace: TraceSummary }) {
  const colors = serviceColors(trace.services.map((service) => service.name));
  const shown = trace.services.slice(0, SERVICES_SHOWN_MAX);
  return (
    <>
      {shown.map((service, index) => {
        const color = colors[index];
        return (
          <span key={service.name} class="service">
            <i aria-hidden="true" style={{ background: isDark.value ? color?.dark : color?.light }} />
            {showUnseen(service.name)} <b>{formatCount(service.spanCount)}</b>
          </span>
        );
      })}
      {trace.services.length > shown.length && <span class="service">+{trace.services.length - shown.length}</span>}
    </>
  );
}
