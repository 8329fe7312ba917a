// The search form. It keeps a draft and hands a whole search over when it is sent.

import { useEffect, useState } from "preact/hooks";
import { addresses, resource } from "../../api/client";
import type { OperationsAnswer } from "../../api/types";
import { durationUsText, parseDurationUs, parseLookbackMs } from "../../base/time";
import { t } from "../../i18n";
import { NameSelect } from "../../widgets/name_select";
import { LIMITS, LOOKBACKS, lookbackText, type SearchState } from "./state";

interface Draft {
  readonly minDuration: string;
  readonly maxDuration: string;
  readonly lookback: string;
  readonly from: string;
  readonly to: string;
}

const CUSTOM = "custom";

/** Writes a time for a datetime-local field, which has no zone of its own. */
function localText(timeMs: number): string {
  const shifted = new Date(timeMs - new Date(timeMs).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

function draftOf(state: SearchState): Draft {
  const endMs = state.endTsMs ?? Date.now();
  return {
    minDuration: state.minDurationUs === null ? "" : durationUsText(state.minDurationUs),
    maxDuration: state.maxDurationUs === null ? "" : durationUsText(state.maxDurationUs),
    lookback: state.endTsMs === null ? lookbackText(state.lookbackMs) : CUSTOM,
    from: localText(endMs - state.lookbackMs),
    to: localText(endMs),
  };
}

/** Turns what was typed into a search, or says what is wrong with it. */
function complete(state: SearchState, draft: Draft): SearchState | string {
  const minDurationUs = draft.minDuration.trim() === "" ? null : parseDurationUs(draft.minDuration);
  const maxDurationUs = draft.maxDuration.trim() === "" ? null : parseDurationUs(draft.maxDuration);
  if ((minDurationUs === null) !== (draft.minDuration.trim() === "")) return t("durationUnread", { text: draft.minDuration });
  if ((maxDurationUs === null) !== (draft.maxDuration.trim() === "")) return t("durationUnread", { text: draft.maxDuration });
  if (minDurationUs !== null && maxDurationUs !== null && maxDurationUs < minDurationUs) return t("durationOrder");
  const durations = { ...state, minDurationUs, maxDurationUs };
  if (draft.lookback !== CUSTOM) {
    return { ...durations, endTsMs: null, lookbackMs: parseLookbackMs(draft.lookback) ?? state.lookbackMs };
  }
  const fromMs = new Date(draft.from).getTime();
  const toMs = new Date(draft.to).getTime();
  if (!(fromMs < toMs)) return t("rangeOrder");
  return { ...durations, endTsMs: toMs, lookbackMs: toMs - fromMs };
}

/** The form. */
export function SearchForm(props: {
  readonly state: SearchState;
  readonly services: readonly string[];
  readonly onFind: (state: SearchState) => void;
}) {
  const [state, setState] = useState(props.state);
  const [draft, setDraft] = useState(() => draftOf(props.state));
  const [fault, setFault] = useState<string | null>(null);
  useEffect(() => {
    setState(props.state);
    setDraft(draftOf(props.state));
    setFault(null);
  }, [props.state]);

  const send = (event: Event) => {
    event.preventDefault();
    const completed = complete(state, draft);
    if (typeof completed === "string") setFault(completed);
    else {
      setFault(null);
      props.onFind(completed);
    }
  };
  const typed = (name: keyof Draft) => (event: { currentTarget: { value: string } }) =>
    setDraft({ ...draft, [name]: event.currentTarget.value });
  const lookbacks = [...new Set([...LOOKBACKS, ...(state.endTsMs === null ? [lookbackText(state.lookbackMs)] : [])])];
  const limits = [...new Set([...LIMITS, state.limit])].sort((a, b) => a - b);

  return (
    <form class="search-form" aria-label={t("search")} onSubmit={send}>
      <NameSelect label={t("service")} any={t("anyService")} names={props.services} value={state.serviceName}
        onPick={(serviceName) => setState({ ...state, serviceName, spanName: "", remoteServiceName: "" })} />
      <Operations state={state} onPick={(change) => setState({ ...state, ...change })} />
      {state.alsoService !== "" && (
        <NameSelect label={t("alsoService")} any={t("anyService")} names={props.services} value={state.alsoService}
          onPick={(alsoService) => setState({ ...state, alsoService })} />
      )}
      <label class="field tags-field">
        <span>{t("tags")}</span>
        <input value={state.annotationQuery} placeholder="http.status_code=500 and error" spellcheck={false} maxLength={4000}
          aria-describedby="tags-hint"
          onInput={(event) => setState({ ...state, annotationQuery: event.currentTarget.value })} />
        <small id="tags-hint" class="unseen">{t("tagsHint")}</small>
      </label>
      <label class="field narrow-field">
        <span>{t("minDuration")}</span>
        <input value={draft.minDuration} placeholder="10ms" spellcheck={false} maxLength={20} onInput={typed("minDuration")} />
      </label>
      <label class="field narrow-field">
        <span>{t("maxDuration")}</span>
        <input value={draft.maxDuration} placeholder="2s" spellcheck={false} maxLength={20} onInput={typed("maxDuration")} />
      </label>
      <label class="field">
        <span>{t("lookback")}</span>
        <select value={draft.lookback} onChange={typed("lookback")}>
          {lookbacks.map((text) => <option key={text} value={text}>{lookbackName(text)}</option>)}
          <option value={CUSTOM}>{t("lookback.custom")}</option>
        </select>
      </label>
      {draft.lookback === CUSTOM && (
        <>
          <label class="field"><span>{t("from")}</span><input type="datetime-local" step="1" value={draft.from} onInput={typed("from")} /></label>
          <label class="field"><span>{t("to")}</span><input type="datetime-local" step="1" value={draft.to} onInput={typed("to")} /></label>
        </>
      )}
      <label class="field narrow-field">
        <span>{t("limit")}</span>
        <select value={String(state.limit)} onChange={(event) => setState({ ...state, limit: Number(event.currentTarget.value) })}>
          {limits.map((limit) => <option key={limit} value={String(limit)}>{limit}</option>)}
        </select>
      </label>
      <button type="submit" class="primary">{t("findTraces")}</button>
      {fault !== null && <p class="fault" role="alert">{fault}</p>}
    </form>
  );
}

/** The name of a look-back in the chosen language: `Last 15 minutes`. */
export function lookbackName(text: string): string {
  const parts = /^(\d+)([smhd])$/.exec(text);
  if (!parts) return t("lookback.ms", { count: text });
  const units = { s: "second", m: "minute", h: "hour", d: "day" } as const;
  const unit = units[(parts[2] ?? "m") as keyof typeof units];
  return t(parts[1] === "1" ? `last.${unit}` : `last.${unit}s`, { count: parts[1] ?? "" });
}

type OperationChange = Partial<Pick<SearchState, "spanName" | "remoteServiceName">>;

function Operations({ state, onPick }: { state: SearchState; onPick: (change: OperationChange) => void }) {
  const answer = state.serviceName === "" ? null : resource<OperationsAnswer>(addresses.operations(state.serviceName)).value;
  const known = answer?.state === "ready" ? answer.data : null;
  const isOff = state.serviceName === "";
  return (
    <>
      <NameSelect label={t("spanName")} any={isOff ? t("pickServiceFirst") : t("anySpan")} names={known?.spanNames ?? []}
        value={state.spanName} isDisabled={isOff && state.spanName === ""} onPick={(spanName) => onPick({ spanName })} />
      {(state.remoteServiceName !== "" || (known !== null && known.remoteServices.length > 0)) && (
        <NameSelect label={t("remoteService")} any={t("anyService")} names={known?.remoteServices ?? []}
          value={state.remoteServiceName} onPick={(remoteServiceName) => onPick({ remoteServiceName })} />
      )}
    </>
  );
}
