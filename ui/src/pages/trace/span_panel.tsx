// Everything about one span: both sides, events in order, tags, ids.

import { useMemo, useState } from "preact/hooks";
import { forget, resource } from "../../api/client";
import type { SpanAnswer, SpanEvent, SpanHalf, TypedValue } from "../../api/types";
import { at } from "../../base/numbers";
import { showUnseen } from "../../base/text";
import { formatDuration, formatOffset, wallTime } from "../../base/time";
import { tracePath } from "../../base/url";
import { t, type TextKey } from "../../i18n";
import { stringAt } from "../../trace/columns";
import { eventFields } from "../../timeline/event_popup";
import { rowTitle, type Viewport } from "../../timeline/viewport";
import { CopyButton } from "../../widgets/copy_button";
import { Failure } from "../../widgets/failure";
import { ValueText } from "../../widgets/value_text";

/** The panel of the selected row. */
export function SpanPanel(props: {
  readonly address: string;
  readonly viewport: Viewport;
  readonly row: number;
  readonly onClose: () => void;
}) {
  const [turn, setTurn] = useState(0);
  const answer = useMemo(() => resource<SpanAnswer>(props.address), [props.address, turn]).value;
  const { columns } = props.viewport;
  const title = rowTitle(columns, props.row);
  const duration = at(columns.durationNs, props.row);
  const retry = () => {
    forget(props.address);
    setTurn(turn + 1);
  };
  return (
    <aside class="panel" aria-labelledby="panel-title">
      <header>
        <h2 id="panel-title">{showUnseen(title)}</h2>
        <span class="took">{Number.isNaN(duration) ? "" : formatDuration(duration)}</span>
        <button type="button" class="quiet close" aria-label={t("close")} title={`${t("close")} (Esc)`} onClick={props.onClose}>×</button>
      </header>
      <div class="panel-body" tabIndex={0} role="group" aria-label={stringAt(columns, at(columns.name, props.row))}>
        {answer.state === "loading" && <p role="status">{t("loading")}</p>}
        {answer.state === "failed" && <Failure error={answer.error} onRetry={retry} />}
        {answer.state === "ready" && <SpanDetails span={answer.data} />}
      </div>
    </aside>
  );
}

function SpanDetails({ span }: { span: SpanAnswer }) {
  const withServices = new Set(span.halves.map((half) => half.service)).size > 1;
  return (
    <>
      <Halves halves={span.halves} />
      {span.events.length > 0 && <Events events={span.events} />}
      {span.tags.length > 0 && <Values title={t("tags")} values={span.tags} {...(withServices ? { services: span.tags.map((tag) => tag.service) } : {})} />}
      {span.halves.map((half, index) => half.resource.length > 0 && (
        <Values key={index} title={`${t("resource")} · ${showUnseen(half.service ?? t("unknownService"))}`} values={half.resource} />
      ))}
      <Links halves={span.halves} />
      <Ids span={span} />
    </>
  );
}

function Halves({ halves }: { halves: readonly SpanHalf[] }) {
  return (
    <section class="halves">
      {halves.map((half, index) => (
        <dl key={index} class={half.status.code === "error" ? "half has-error" : "half"}>
          <div class="who"><dt>{half.kind === null ? t("kind.none") : kindText(half.kind)}</dt><dd><b>{showUnseen(half.service ?? t("unknownService"))}</b></dd></div>
          <div><dt>{t("column.start")}</dt><dd>{half.offsetNs === null ? "–" : formatOffset(half.offsetNs)}</dd></div>
          <div><dt>{t("column.duration")}</dt><dd>{half.durationNs === null ? "–" : formatDuration(half.durationNs)}</dd></div>
          {half.localAddress !== null && <div><dt>{t("address")}</dt><dd>{showUnseen(half.localAddress)}</dd></div>}
          {half.remoteAddress !== null && <div><dt>{t("remoteAddress")}</dt><dd>{showUnseen(half.remoteAddress)}</dd></div>}
          {half.status.code !== "unset" && <div><dt>{t("status")}</dt><dd>{half.status.code} {half.status.message}</dd></div>}
          {half.scope !== null && <div><dt>{t("scope")}</dt><dd>{showUnseen(half.scope)}</dd></div>}
        </dl>
      ))}
    </section>
  );
}

function kindText(kind: string): string {
  const keys: Readonly<Record<string, TextKey>> = {
    client: "kind.client", server: "kind.server", producer: "kind.producer", consumer: "kind.consumer", internal: "kind.internal",
  };
  const key = keys[kind];
  return key === undefined ? kind : t(key);
}

const DERIVED: Readonly<Record<string, TextKey>> = {
  "Client Send": "event.clientSend", "Client Receive": "event.clientReceive",
  "Server Receive": "event.serverReceive", "Server Send": "event.serverSend",
  "Producer Send": "event.producerSend", "Consumer Receive": "event.consumerReceive",
};

function Events({ events }: { events: readonly SpanEvent[] }) {
  return (
    <section>
      <h3 id="events-title">{t("events")}</h3>
      <div class="table-box">
        <table role="table" aria-labelledby="events-title" class="events">
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader" scope="col">{t("wallTime")}</th>
              <th role="columnheader" scope="col" class="number">{t("relativeTime")}</th>
              <th role="columnheader" scope="col">{t("event")}</th>
              <th role="columnheader" scope="col">{t("address")}</th>
            </tr>
          </thead>
          <tbody role="rowgroup">{events.map((event, index) => <EventRow key={index} event={event} />)}</tbody>
        </table>
      </div>
    </section>
  );
}

function EventRow({ event }: { event: SpanEvent }) {
  const wall = wallTime(event.timeNs);
  const derived = event.isDerived ? DERIVED[event.label] : undefined;
  return (
    <tr role="row" class={event.isDerived ? "derived" : undefined}>
      <td role="cell"><time dateTime={wall?.utc} title={wall?.utc}>{wall?.time ?? "–"}</time></td>
      <td role="cell" class="number">{formatDuration(event.offsetNs)}</td>
      <td role="cell">
        <span class="event-name">{derived === undefined ? showUnseen(event.label) : t(derived)}</span>
        <EventText event={event} />
      </td>
      <td role="cell">{event.address === null ? "" : showUnseen(event.address)}</td>
    </tr>
  );
}

function EventText({ event }: { event: SpanEvent }) {
  const fields = event.text === null ? null : eventFields(event.label, event.text);
  const pairs = [...(fields ?? []), ...event.attributes.map((one) => [one.key, one.value] as const)];
  const plain = fields === null && event.text !== null && event.text !== event.label ? event.text : null;
  return (
    <>
      {plain !== null && <ValueText text={plain} />}
      {pairs.length > 0 && (
        <dl class="fields">
          {pairs.map(([key, value], index) => <div key={index}><dt>{showUnseen(key)}</dt><dd><ValueText text={value} /></dd></div>)}
        </dl>
      )}
    </>
  );
}

function Values(props: { title: string; values: readonly TypedValue[]; services?: readonly (string | null)[] }) {
  return (
    <section>
      <h3>{props.title}</h3>
      <div class="table-box">
        <table class="values" aria-label={props.title}>
          <thead class="unseen"><tr><th scope="col">{t("key")}</th><th scope="col">{t("value")}</th>{props.services && <th scope="col">{t("service")}</th>}</tr></thead>
          <tbody>
            {props.values.map((one, index) => (
              <tr key={index} class={one.key === "error" ? "has-error" : undefined}>
                <th scope="row">{showUnseen(one.key)}</th>
                <td><ValueText text={one.value} />{one.type !== "string" && <small class="type">{one.type}</small>}</td>
                {props.services && <td class="of">{showUnseen(props.services[index] ?? "")}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Links({ halves }: { halves: readonly SpanHalf[] }) {
  const links = halves.flatMap((half) => half.links);
  if (links.length === 0) return null;
  return (
    <section>
      <h3>{t("links")}</h3>
      <ul class="links">
        {links.map((link, index) => (
          <li key={index}>{link.kind.replace("_", " ")} <a href={tracePath(link.traceId, link.spanId)}><code>{link.traceId} / {link.spanId}</code></a></li>
        ))}
      </ul>
    </section>
  );
}

function Ids({ span }: { span: SpanAnswer }) {
  const ids = [[t("traceId"), span.traceId], [t("spanId"), span.spanId], [t("parentId"), span.parentId]] as const;
  return (
    <section>
      <h3>{t("ids")}</h3>
      <dl class="ids">
        {ids.map(([name, id]) => (
          <div key={name}><dt>{name}</dt><dd>{id === null ? "–" : <><code>{id}</code><CopyButton text={id} what={name} /></>}</dd></div>
        ))}
      </dl>
    </section>
  );
}
