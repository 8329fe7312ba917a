// The rows in sight as elements: names, folding, durations, and a real button over every dot.
// The canvas below holds the pixels; this is for people, keyboards, screen readers and tests.

import { memo } from "./memo";
import type { ServiceColor } from "../base/color";
import { UNKNOWN_SERVICE_COLOR } from "../base/color";
import { at, type TimeScale } from "../base/numbers";
import { showUnseen } from "../base/text";
import { formatDuration, formatOffset } from "../base/time";
import { counted, t } from "../i18n";
import { callerOf, FLAG_ERROR, FLAG_PARENT_MISSING, serviceOf, stringAt, type TraceColumns } from "../trace/columns";
import { barExtent, eventGroups, type EventGroup } from "../trace/hit_test";
import { hasChildren, under } from "../trace/tree";
import { EVENT_POPUP_ID, type PointedEvents } from "./event_popup";
import { PLOT_EDGE_PX, type RowShape } from "./shape";
import { rowTitle } from "./viewport";

/** What rows tell the timeline. */
export interface RowActions {
  readonly onFold: (row: number, isFolded: boolean) => void;
  readonly onSelect: (row: number) => void;
  readonly onFocus: (row: number) => void;
  readonly onPoint: (pointed: PointedEvents | null) => void;
}

/** One row's inputs; a row is drawn anew only when one of them changes. */
export interface RowProps {
  readonly columns: TraceColumns;
  readonly row: number;
  readonly place: number;
  readonly scale: TimeScale;
  readonly shape: RowShape;
  readonly colors: ReadonlyMap<number, ServiceColor>;
  readonly isDark: boolean;
  readonly isFolded: boolean;
  readonly isFocused: boolean;
  readonly isSelected: boolean;
  readonly isFound: boolean | null;
  readonly pointedEvent: number;
  readonly actions: RowActions;
}

/** The deepest level that is still indented further; below it the level is only said. */
export const INDENT_LEVELS_MAX = 30;

/** The id of a row's element. */
export function rowElementId(row: number): string {
  return `row-${row}`;
}

/** One row. */
export const Row = memo(function Row(props: RowProps) {
  const { columns, row, shape } = props;
  const flags = at(columns.flags, row);
  const isParent = hasChildren(columns, row);
  const state = [
    "span-row",
    props.isSelected && "selected",
    (flags & FLAG_ERROR) !== 0 && "has-error",
    props.isFound === true && "found",
    props.isFound === false && "not-found",
  ]
    .filter(Boolean)
    .join(" ");
  return (
    <div
      role="row"
      id={rowElementId(row)}
      class={state}
      tabIndex={props.isFocused ? 0 : -1}
      aria-level={at(columns.depth, row) + 1}
      aria-rowindex={props.place + 1}
      aria-selected={props.isSelected}
      aria-expanded={isParent ? !props.isFolded : undefined}
      style={{ top: `${props.place * shape.heightPx}px`, height: `${shape.heightPx}px` }}
      onClick={() => props.actions.onSelect(row)}
      onFocus={() => props.actions.onFocus(row)}
    >
      <NameCell {...props} isParent={isParent} />
      <div role="gridcell" class="took">
        {tookText(columns, row)}
      </div>
      <PlotCell {...props} />
    </div>
  );
});

function tookText(columns: TraceColumns, row: number): string {
  const duration = at(columns.durationNs, row);
  return Number.isNaN(duration) ? "–" : formatDuration(duration);
}

function NameCell(props: RowProps & { readonly isParent: boolean }) {
  const { columns, row } = props;
  const flags = at(columns.flags, row);
  const caller = callerOf(columns, row);
  const indent = Math.min(at(columns.depth, row), INDENT_LEVELS_MAX);
  const fold = (event: Event) => {
    event.stopPropagation();
    props.actions.onFold(row, !props.isFolded);
  };
  return (
    <div role="gridcell" class="name">
      <i class="guides" aria-hidden="true" style={{ width: `calc(${indent} * var(--indent))` }} />
      {props.isParent ? (
        <button
          type="button"
          class="fold"
          tabIndex={-1}
          aria-label={t(props.isFolded ? "unfold" : "fold")}
          onClick={fold}
        >
          {props.isFolded ? "▸" : "▾"}
        </button>
      ) : (
        <i class="fold" aria-hidden="true" />
      )}
      <span class="label" title={rowTitle(columns, row)}>
        {caller !== null && caller !== serviceOf(columns, row) && (
          <>
            <Service {...props} name={caller} index={columns.clientService[row] ?? -1} />
            <span class="to"> → </span>
          </>
        )}
        <Service {...props} name={serviceOf(columns, row)} index={columns.service[row] ?? -1} />{" "}
        <span class="operation">{showUnseen(stringAt(columns, at(columns.name, row)))}</span>
      </span>
      {(flags & FLAG_PARENT_MISSING) !== 0 && (
        <span class="orphan" role="img" aria-label={t("parentMissing")} title={t("parentMissing")}>
          ⤒
        </span>
      )}
      {(flags & FLAG_ERROR) !== 0 && (
        <span class="error-mark" role="img" aria-label={t("error")} title={t("error")}>
          !
        </span>
      )}
      {props.isFolded && <Hidden {...props} />}
    </div>
  );
}

function Service(props: { name: string | null; index: number; colors: RowProps["colors"]; isDark: boolean }) {
  const color = props.colors.get(props.index) ?? UNKNOWN_SERVICE_COLOR;
  return (
    <b class="service-name">
      <i aria-hidden="true" style={{ background: props.isDark ? color.dark : color.light }} />
      {props.name === null ? t("unknownService") : showUnseen(props.name)}
    </b>
  );
}

function Hidden({ columns, row }: RowProps) {
  const hidden = under(columns, row);
  const said = t("hiddenRows", { spans: counted("spans", hidden.rowCount) });
  return (
    <span class={`hidden-rows${hidden.hasError ? " has-error" : ""}`} title={said} aria-label={said} role="img">
      {hidden.rowCount}
    </span>
  );
}

function PlotCell(props: RowProps) {
  const { columns, row, scale } = props;
  const bar = barExtent(columns, row, scale);
  return (
    <div role="gridcell" class="plot">
      {bar && (
        <i
          class="bar-hit"
          style={{ left: `${bar.leftPx}px`, width: `${bar.widthPx}px` }}
          title={barTitle(columns, row)}
        />
      )}
      {eventGroups(columns, row, scale, PLOT_EDGE_PX).map((group) => (
        <EventButton key={group.firstEvent} {...props} group={group} />
      ))}
    </div>
  );
}

function barTitle(columns: TraceColumns, row: number): string {
  return `${formatOffset(at(columns.startNs, row))}, ${tookText(columns, row)}`;
}

/** What a screen reader says of a group of dots. */
function groupName(columns: TraceColumns, group: EventGroup): string {
  const first = showUnseen(stringAt(columns, at(columns.eventLabel, group.firstEvent)));
  const when = formatDuration(at(columns.eventOffsetNs, group.firstEvent));
  const others = group.eventCount === 1 ? "" : ` ${t("andMore", { count: group.eventCount - 1 })}`;
  return `${first}${others}, ${when}`;
}

function EventButton(props: RowProps & { readonly group: EventGroup }) {
  const { group, row } = props;
  const point = (event: { currentTarget: HTMLElement }) =>
    props.actions.onPoint({ row, group, anchor: event.currentTarget });
  const leave = () => props.actions.onPoint(null);
  const isPointed = props.pointedEvent === group.firstEvent;
  return (
    <button
      type="button"
      class={isPointed ? "dot pointed" : "dot"}
      tabIndex={props.isFocused ? 0 : -1}
      style={{ left: `${group.leftPx - 7}px`, width: `${group.rightPx - group.leftPx + 14}px` }}
      aria-label={groupName(props.columns, group)}
      aria-describedby={isPointed ? EVENT_POPUP_ID : undefined}
      onMouseEnter={point}
      onMouseLeave={leave}
      onFocus={point}
      onBlur={leave}
    />
  );
}
