// What can be done with a trace: find in it, fold, zoom, see it raw.

import type { TraceAnswer } from "../../api/types";
import { addresses } from "../../api/client";
import { t } from "../../i18n";
import type { Viewport } from "../../timeline/viewport";
import { FIND_FIELD_ID } from "./use_keys";

/** The toolbar. */
export function Toolbar(props: {
  readonly viewport: Viewport;
  readonly trace: TraceAnswer;
  readonly isRaw: boolean;
  readonly onRawTimes: (isWanted: boolean) => void;
  readonly onHelp: () => void;
  readonly onJson: () => void;
}) {
  const { viewport, trace } = props;
  const isFolded = viewport.folded.value.size > 0;
  return (
    <div class="toolbar" role="toolbar" aria-label={t("tools")}>
      <Find viewport={viewport} />
      <span class="group">
        <button type="button" onClick={() => viewport.foldAll(!isFolded)}>
          {t(isFolded ? "unfoldAll" : "foldAll")}
        </button>
      </span>
      <span class="group">
        <button
          type="button"
          aria-label={t("zoomOut")}
          title={`${t("zoomOut")} (−)`}
          onClick={() => viewport.zoomBy(-1)}
        >
          −
        </button>
        <button type="button" aria-label={t("zoomIn")} title={`${t("zoomIn")} (+)`} onClick={() => viewport.zoomBy(1)}>
          +
        </button>
        <button
          type="button"
          title={`${t("zoomReset")} (0)`}
          disabled={!viewport.isZoomed.value}
          onClick={() => viewport.resetZoom()}
        >
          {t("zoomReset")}
        </button>
      </span>
      <span class="spacer" />
      <label class="switch" title={t("rawTimesHint")}>
        <input
          type="checkbox"
          role="switch"
          checked={props.isRaw}
          onChange={(event) => props.onRawTimes(event.currentTarget.checked)}
        />
        {t("rawTimes")}
      </label>
      <span class="group">
        <button type="button" onClick={props.onJson}>
          JSON
        </button>
        <a class="button" href={addresses.rawTrace(trace.traceId)} download={`${trace.traceId}.json`}>
          {t("download")}
        </a>
        <button type="button" aria-label={t("help")} title={`${t("help")} (?)`} onClick={props.onHelp}>
          ?
        </button>
      </span>
    </div>
  );
}

function Find({ viewport }: { viewport: Viewport }) {
  const found = viewport.found.value;
  const goTo = (step: 1 | -1) => {
    if (viewport.goToFound(step)) viewport.focusTurn.value += 1;
  };
  const press = (event: KeyboardEvent) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    goTo(event.shiftKey ? -1 : 1);
  };
  return (
    <span class="find" role="search" aria-label={t("findInTrace")}>
      <input
        id={FIND_FIELD_ID}
        type="search"
        aria-label={t("findInTrace")}
        placeholder={`${t("findInTrace")}  /`}
        spellcheck={false}
        value={viewport.wanted.value}
        maxLength={200}
        onInput={(event) => (viewport.wanted.value = event.currentTarget.value)}
        onKeyDown={press}
      />
      {found !== null && (
        <>
          <output aria-live="polite">{found.size}</output>
          <button type="button" aria-label={t("foundPrevious")} disabled={found.size === 0} onClick={() => goTo(-1)}>
            ↑
          </button>
          <button type="button" aria-label={t("foundNext")} disabled={found.size === 0} onClick={() => goTo(1)}>
            ↓
          </button>
        </>
      )}
    </span>
  );
}
