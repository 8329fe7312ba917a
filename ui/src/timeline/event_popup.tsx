// What happened at a dot: every event of the group with its time and the rest of its text.

import { useLayoutEffect, useRef } from "preact/hooks";
import { jsonMembers, type JsonMember } from "../base/json";
import { at, clamp } from "../base/numbers";
import { shorten, showUnseen } from "../base/text";
import { formatDuration, formatOffset } from "../base/time";
import { t } from "../i18n";
import { stringAt, type TraceColumns } from "../trace/columns";
import type { EventGroup } from "../trace/hit_test";

/** The id of the pop-up, for the button that it describes. */
export const EVENT_POPUP_ID = "event-popup";

/** The most events that one pop-up lists. */
const EVENTS_LISTED_MAX = 12;

/** The longest text of an event that the pop-up shows; the span's panel has all of it. */
const DETAIL_LEN_MAX = 400;

/** A group of events and the element that it belongs to. */
export interface PointedEvents {
  readonly row: number;
  readonly group: EventGroup;
  readonly anchor: HTMLElement;
}

/** The pop-up, beside its dot and inside of the window. */
export function EventPopup({ columns, pointed }: { readonly columns: TraceColumns; readonly pointed: PointedEvents }) {
  const box = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    const popup = box.current;
    if (!popup) return;
    const dot = pointed.anchor.getBoundingClientRect();
    const left = clamp(dot.left + dot.width / 2 - 20, 8, Math.max(8, window.innerWidth - popup.offsetWidth - 8));
    const below = dot.bottom + 4;
    const top = below + popup.offsetHeight > window.innerHeight - 8 ? dot.top - popup.offsetHeight - 4 : below;
    popup.style.left = `${left}px`;
    popup.style.top = `${Math.max(8, top)}px`;
  });
  const { group, row } = pointed;
  const shown = Math.min(group.eventCount, EVENTS_LISTED_MAX);
  const rowStart = at(columns.startNs, row);
  return (
    <div ref={box} id={EVENT_POPUP_ID} class="event-popup" role="tooltip">
      {Array.from({ length: shown }, (_, index) => {
        const event = group.firstEvent + index;
        const offset = at(columns.eventOffsetNs, event);
        return (
          <div key={event} class="event">
            <b>{showUnseen(stringAt(columns, at(columns.eventLabel, event)))}</b>
            <span class="when">{formatOffset(offset)}</span>
            {!Number.isNaN(rowStart) && (
              <span class="when muted">{t("afterSpanStart", { time: formatDuration(offset - rowStart) })}</span>
            )}
            <Detail
              label={stringAt(columns, at(columns.eventLabel, event))}
              text={stringAt(columns, at(columns.eventDetail, event))}
            />
          </div>
        );
      })}
      {group.eventCount > shown && <p class="muted">{t("moreEvents", { count: group.eventCount - shown })}</p>}
    </div>
  );
}

/** The fields of an event's JSON text besides its name, or the text itself. */
export function eventFields(label: string, text: string): readonly JsonMember[] | null {
  return jsonMembers(text)?.filter(([key, value]) => !(key === "event" && value === label)) ?? null;
}

function Detail({ label, text }: { label: string; text: string }) {
  const fields = eventFields(label, text);
  if (fields === null) return text === label || text === "" ? null : <p>{shorten(text, DETAIL_LEN_MAX)}</p>;
  if (fields.length === 0) return null;
  return (
    <dl>
      {fields.map(([key, value]) => (
        <div key={key}>
          <dt>{key}</dt>
          <dd>{shorten(value, DETAIL_LEN_MAX)}</dd>
        </div>
      ))}
    </dl>
  );
}
