// The events of a span in their order, those that follow from its kind and times among them.

import type { SpanEvent } from "../../api/types";
import { showUnseen } from "../../base/text";
import { formatDuration, wallTime } from "../../base/time";
import { t, type TextKey } from "../../i18n";
import { eventFields } from "../../timeline/event_popup";
import { ValueText } from "../../widgets/value_text";

const DERIVED: Readonly<Record<string, TextKey>> = {
  "Client Send": "event.clientSend",
  "Client Receive": "event.clientReceive",
  "Server Receive": "event.serverReceive",
  "Server Send": "event.serverSend",
  "Producer Send": "event.producerSend",
  "Consumer Receive": "event.consumerReceive",
};

/** The table of events. */
export function Events({ events }: { events: readonly SpanEvent[] }) {
  return (
    <section>
      <h3 id="events-title">{t("events")}</h3>
      <div class="table-box">
        <table role="table" aria-labelledby="events-title" class="events">
          <thead role="rowgroup">
            <tr role="row">
              <th role="columnheader" scope="col">
                {t("wallTime")}
              </th>
              <th role="columnheader" scope="col" class="number">
                {t("relativeTime")}
              </th>
              <th role="columnheader" scope="col">
                {t("event")}
              </th>
              <th role="columnheader" scope="col">
                {t("address")}
              </th>
            </tr>
          </thead>
          <tbody role="rowgroup">
            {events.map((event, index) => (
              <EventRow key={index} event={event} />
            ))}
          </tbody>
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
      <td role="cell">
        <time dateTime={wall?.utc} title={wall?.utc}>
          {wall?.time ?? "–"}
        </time>
      </td>
      <td role="cell" class="number">
        {formatDuration(event.offsetNs)}
      </td>
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
          {pairs.map(([key, value], index) => (
            <div key={index}>
              <dt>{showUnseen(key)}</dt>
              <dd>
                <ValueText text={value} />
              </dd>
            </div>
          ))}
        </dl>
      )}
    </>
  );
}
