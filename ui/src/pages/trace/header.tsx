// What a trace is, in a line or two: its root, when, how long, how much of it.

import { useEffect } from "preact/hooks";
import type { SkewCorrection, TraceAnswer } from "../../api/types";
import { showUnseen } from "../../base/text";
import { formatDuration, wallTime } from "../../base/time";
import { counted, t } from "../../i18n";
import { serviceOf, stringAt, type TraceColumns } from "../../trace/columns";
import type { Viewport } from "../../timeline/viewport";
import { CopyButton } from "../../widgets/copy_button";
import { at } from "../../base/numbers";

/** The header. */
export function TraceHeader({ trace, viewport }: { readonly trace: TraceAnswer; readonly viewport: Viewport }) {
  const { columns } = viewport;
  const service = columns.rowCount > 0 ? serviceOf(columns, 0) : null;
  const name = columns.rowCount > 0 ? stringAt(columns, at(columns.name, 0)) : "";
  useEffect(() => {
    document.title = `${[service, name].filter(Boolean).join(" · ") || trace.traceId} · Spandrel`;
  });
  const wall = trace.startNs === null ? null : wallTime(trace.startNs);
  return (
    <header class="trace-header">
      <h1>
        <b>{trace.hasRoot ? showUnseen(service ?? t("unknownService")) : t("noRoot")}</b>{" "}
        <span>{trace.hasRoot ? showUnseen(name) : ""}</span>
      </h1>
      <p class="trace-id">
        <code>{trace.traceId}</code>
        <CopyButton text={trace.traceId} what={t("traceId")} />
      </p>
      <dl class="facts">
        <div>
          <dt>{t("column.duration")}</dt>
          <dd class="strong">{trace.durationNs === null ? "–" : formatDuration(trace.durationNs)}</dd>
        </div>
        <div>
          <dt>{t("column.start")}</dt>
          <dd>
            {wall ? (
              <time dateTime={wall.utc} title={wall.utc}>
                {wall.date} {wall.time}
              </time>
            ) : (
              "–"
            )}
          </dd>
        </div>
        <div>
          <dt>{t("column.spans")}</dt>
          <dd>
            {trace.spanCount}
            {trace.receivedSpanCount !== trace.spanCount && (
              <small title={t("receivedHint")}> / {trace.receivedSpanCount}</small>
            )}
          </dd>
        </div>
        <div>
          <dt>{t("depth")}</dt>
          <dd>{depthOf(columns)}</dd>
        </div>
        <div>
          <dt>{t("services")}</dt>
          <dd>{trace.services.length}</dd>
        </div>
        <div class={trace.errorCount > 0 ? "has-error" : undefined}>
          <dt>{t("column.errors")}</dt>
          <dd>{trace.errorCount}</dd>
        </div>
      </dl>
      <Notes trace={trace} />
    </header>
  );
}

function depthOf(columns: TraceColumns): number {
  let deepest = 0;
  for (const depth of columns.depth) deepest = Math.max(deepest, depth + 1);
  return deepest;
}

function Notes({ trace }: { trace: TraceAnswer }) {
  const skews = trace.isSkewCorrected ? trace.corrections : [];
  if (trace.hasRoot && skews.length === 0) return null;
  return (
    <ul class="notes">
      {!trace.hasRoot && <li>{t("rootMissing", { spans: counted("spans", trace.spanCount) })}</li>}
      {skews.length > 0 && (
        <li>
          {t("skewCorrected")} {skews.map(skewText).join(", ")}
        </li>
      )}
    </ul>
  );
}

function skewText(skew: SkewCorrection): string {
  const who = showUnseen(skew.service ?? skew.address ?? t("unknownService"));
  return t(skew.skewNs < 0 ? "clockBehind" : "clockAhead", { who, time: formatDuration(Math.abs(skew.skewNs)) });
}
