// A trace's page: loads it, and keeps what is looked at in the address.

import { useEffect, useMemo } from "preact/hooks";
import { addresses, forget, freshResource } from "../../api/client";
import type { TraceAnswer } from "../../api/types";
import { parseInterval } from "../../base/url";
import { t } from "../../i18n";
import { parameters, setParameters } from "../../shell/location";
import { useSignal } from "@preact/signals";
import { Timeline } from "../../timeline/timeline";
import { Viewport } from "../../timeline/viewport";
import { traceColumns } from "../../trace/columns";
import { Failure } from "../../widgets/failure";
import { TraceHeader } from "./header";
import { HelpSheet } from "./help_sheet";
import { RawView } from "./raw_view";
import { SpanPanel } from "./span_panel";
import { Toolbar } from "./toolbar";
import { useKeys } from "./use_keys";

/** The page. */
export function TracePage({ traceId }: { readonly traceId: string }) {
  const isRaw = parameters.value.get("raw") === "true";
  const turn = useSignal(0);
  const address = addresses.trace(traceId, isRaw);
  // A trace grows while its spans arrive, so a visit never shows an earlier visit's answer.
  const answer = useMemo(() => {
    forget(addresses.trace(traceId, false));
    return freshResource<TraceAnswer>(address);
  }, [address, turn.value]).value;
  useEffect(() => {
    if (answer.state !== "ready") document.title = `${traceId} · Spandrel`;
  });
  if (answer.state === "ready") return <LoadedTrace key={address} trace={answer.data} isRaw={isRaw} />;
  return (
    <main id="main" class="page notice" tabIndex={-1}>
      <h1>
        <code>{traceId}</code>
      </h1>
      {answer.state === "loading" && (
        <p class="loading" role="status">
          {t("loading")}
        </p>
      )}
      {answer.state === "failed" && (
        <>
          {answer.error.status === 404 && <p>{t("traceMissing")}</p>}
          <Failure error={answer.error} onRetry={() => (turn.value += 1)} />
        </>
      )}
    </main>
  );
}

function LoadedTrace({ trace, isRaw }: { trace: TraceAnswer; isRaw: boolean }) {
  const viewport = useMemo(() => viewportOf(trace), [trace]);
  const isHelpOpen = useSignal(false);
  const isRawOpen = useSignal(false);
  const select = (row: number) => {
    viewport.selectedRow.value = row;
    if (row >= 0) viewport.focusRow.value = row;
  };
  const close = () => {
    select(-1);
    viewport.focusTurn.value += 1;
  };
  useKeys(viewport, { onSelect: select, onClose: close, onHelp: () => (isHelpOpen.value = true) });
  useAddress(viewport);
  const row = viewport.selectedRow.value;
  const spanId = row >= 0 ? viewport.columns.spanId[row] : undefined;
  return (
    <main id="main" class="trace-page" tabIndex={-1}>
      <TraceHeader trace={trace} viewport={viewport} />
      <Toolbar
        viewport={viewport}
        trace={trace}
        isRaw={isRaw}
        onRawTimes={(isWanted) => setParameters({ ...viewParameters(viewport), raw: isWanted ? "true" : null })}
        onHelp={() => (isHelpOpen.value = true)}
        onJson={() => (isRawOpen.value = true)}
      />
      <div class="trace-body">
        {viewport.columns.rowCount === 0 ? (
          <p class="notice">{t("traceEmpty")}</p>
        ) : (
          <Timeline viewport={viewport} onSelect={select} />
        )}
        {spanId !== undefined && (
          <SpanPanel
            key={spanId}
            address={addresses.span(trace.traceId, spanId, isRaw)}
            viewport={viewport}
            row={row}
            onClose={close}
          />
        )}
      </div>
      {isHelpOpen.value && <HelpSheet onClose={() => (isHelpOpen.value = false)} />}
      {isRawOpen.value && <RawView traceId={trace.traceId} onClose={() => (isRawOpen.value = false)} />}
    </main>
  );
}

/** The view that the address asks for: its span selected, its stretch of time shown. */
function viewportOf(trace: TraceAnswer): Viewport {
  const viewport = new Viewport(traceColumns(trace));
  const wanted = parameters.peek();
  const interval = parseInterval(wanted.get("zoom"));
  if (interval) viewport.zoomTo(interval);
  const row = viewport.columns.spanId.indexOf(wanted.get("span") ?? "");
  if (row >= 0) {
    viewport.selectedRow.value = row;
    viewport.focusRow.value = row;
    viewport.focusTurn.value = 1;
  }
  return viewport;
}

/** What is looked at, for the address. */
function viewParameters(viewport: Viewport): Record<"span" | "zoom", string | null> {
  const { startNs, endNs } = viewport.interval.peek();
  return {
    span: viewport.columns.spanId[viewport.selectedRow.peek()] ?? null,
    zoom: viewport.isZoomed.peek() ? `${Math.round(startNs)}..${Math.round(endNs)}` : null,
  };
}

/** How long zooming must rest before the address follows; browsers limit changes of history. */
const ADDRESS_DELAY_MS = 300;

function useAddress(viewport: Viewport): void {
  const row = viewport.selectedRow.value;
  const interval = viewport.interval.value;
  useEffect(() => {
    const timer = window.setTimeout(() => {
      setParameters(viewParameters(viewport));
    }, ADDRESS_DELAY_MS);
    return () => window.clearTimeout(timer);
  }, [viewport, row, interval]);
}
