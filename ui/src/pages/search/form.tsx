// The search form. It keeps a draft and hands a whole search over when it is sent.

import { useEffect, useState } from "preact/hooks";
import { addresses, resource } from "../../api/client";
import type { OperationsAnswer } from "../../api/types";
import { lookbackText } from "../../base/time";
import { t } from "../../i18n";
import { LookbackSelect } from "../../widgets/lookback_select";
import { NameSelect } from "../../widgets/name_select";
import { TextField } from "../../widgets/text_field";
import { complete, CUSTOM, type Draft, draftOf, type Fault } from "./draft";
import { LIMITS, type SearchState } from "./state";

/** Changes some fields of what the form holds. */
type Change<T> = (change: Partial<T>) => void;

/** The form. */
export function SearchForm(props: {
  readonly state: SearchState;
  readonly services: readonly string[];
  readonly onFind: (state: SearchState) => void;
}) {
  const [state, setState] = useState(props.state);
  const [draft, setDraft] = useState(() => draftOf(props.state, Date.now()));
  const [fault, setFault] = useState<Fault | null>(null);
  useEffect(() => {
    setState(props.state);
    setDraft(draftOf(props.state, Date.now()));
    setFault(null);
  }, [props.state]);
  const send = (event: Event) => {
    event.preventDefault();
    const completed = complete(state, draft);
    if ("key" in completed) setFault(completed);
    else {
      setFault(null);
      props.onFind(completed);
    }
  };
  const change: Change<SearchState> = (some) => setState({ ...state, ...some });
  const changeDraft: Change<Draft> = (some) => setDraft({ ...draft, ...some });
  return (
    <form class="search-form" aria-label={t("search")} onSubmit={send}>
      <NameFields state={state} services={props.services} onChange={change} />
      <TextField
        label={t("tags")}
        className="tags-field"
        value={state.annotationQuery}
        placeholder="http.status_code=500 and error"
        hint={t("tagsHint")}
        lengthMax={4000}
        onType={(annotationQuery) => change({ annotationQuery })}
      />
      <TimeFields state={state} draft={draft} onChange={changeDraft} />
      <LimitField limit={state.limit} onPick={(limit) => change({ limit })} />
      <button type="submit" class="primary">
        {t("findTraces")}
      </button>
      {fault !== null && (
        <p class="fault" role="alert">
          {t(fault.key, { text: fault.text })}
        </p>
      )}
    </form>
  );
}

function NameFields(props: {
  readonly state: SearchState;
  readonly services: readonly string[];
  readonly onChange: Change<SearchState>;
}) {
  const { state, services, onChange } = props;
  return (
    <>
      <NameSelect
        label={t("service")}
        any={t("anyService")}
        names={services}
        value={state.serviceName}
        onPick={(serviceName) => onChange({ serviceName, spanName: "", remoteServiceName: "" })}
      />
      <Operations state={state} onChange={onChange} />
      {state.alsoService !== "" && (
        <NameSelect
          label={t("alsoService")}
          any={t("anyService")}
          names={services}
          value={state.alsoService}
          onPick={(alsoService) => onChange({ alsoService })}
        />
      )}
    </>
  );
}

function Operations({ state, onChange }: { state: SearchState; onChange: Change<SearchState> }) {
  const isOff = state.serviceName === "";
  const answer = isOff ? null : resource<OperationsAnswer>(addresses.operations(state.serviceName)).value;
  const known = answer?.state === "ready" ? answer.data : null;
  return (
    <>
      <NameSelect
        label={t("spanName")}
        any={isOff ? t("pickServiceFirst") : t("anySpan")}
        names={known?.spanNames ?? []}
        value={state.spanName}
        isDisabled={isOff && state.spanName === ""}
        onPick={(spanName) => onChange({ spanName })}
      />
      {(state.remoteServiceName !== "" || (known !== null && known.remoteServices.length > 0)) && (
        <NameSelect
          label={t("remoteService")}
          any={t("anyService")}
          names={known?.remoteServices ?? []}
          value={state.remoteServiceName}
          onPick={(remoteServiceName) => onChange({ remoteServiceName })}
        />
      )}
    </>
  );
}

function TimeFields(props: { readonly state: SearchState; readonly draft: Draft; readonly onChange: Change<Draft> }) {
  const { draft, onChange } = props;
  const duration = { className: "narrow-field", lengthMax: 20 };
  return (
    <>
      <TextField
        {...duration}
        label={t("minDuration")}
        value={draft.minDuration}
        placeholder="10ms"
        onType={(minDuration) => onChange({ minDuration })}
      />
      <TextField
        {...duration}
        label={t("maxDuration")}
        value={draft.maxDuration}
        placeholder="2s"
        onType={(maxDuration) => onChange({ maxDuration })}
      />
      <LookbackSelect
        value={draft.lookback}
        offered={lookbackText(props.state.lookbackMs)}
        onPick={(lookback) => onChange({ lookback })}
      >
        <option value={CUSTOM}>{t("lookback.custom")}</option>
      </LookbackSelect>
      {draft.lookback === CUSTOM && (
        <>
          <MomentField label={t("from")} value={draft.from} onPick={(from) => onChange({ from })} />
          <MomentField label={t("to")} value={draft.to} onPick={(to) => onChange({ to })} />
        </>
      )}
    </>
  );
}

function MomentField(props: { label: string; value: string; onPick: (moment: string) => void }) {
  return (
    <label class="field">
      <span>{props.label}</span>
      <input
        type="datetime-local"
        step="1"
        value={props.value}
        onInput={(event) => props.onPick(event.currentTarget.value)}
      />
    </label>
  );
}

function LimitField({ limit, onPick }: { limit: number; onPick: (limit: number) => void }) {
  const limits = [...new Set([...LIMITS, limit])].sort((a, b) => a - b);
  return (
    <label class="field narrow-field">
      <span>{t("limit")}</span>
      <select value={String(limit)} onChange={(event) => onPick(Number(event.currentTarget.value))}>
        {limits.map((one) => (
          <option key={one} value={String(one)}>
            {one}
          </option>
        ))}
      </select>
    </label>
  );
}
