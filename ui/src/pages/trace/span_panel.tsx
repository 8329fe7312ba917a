// Everything about one span: both sides, events in order, tags, ids.

import { useMemo, useState } from "preact/hooks";
import { forget, resource } from "../../api/client";
import type { SpanAnswer, SpanHalf } from "../../api/types";
import { at } from "../../base/numbers";
import { showUnseen } from "../../base/text";
import { formatDuration } from "../../base/time";
import { tracePath } from "../../base/url";
import { t } from "../../i18n";
import { stringAt } from "../../trace/columns";
import { rowTitle, type Viewport } from "../../timeline/viewport";
import { CopyButton } from "../../widgets/copy_button";
import { Failure } from "../../widgets/failure";
import { Events } from "./span_events";
import { Halves } from "./span_halves";
import { Values } from "./span_values";

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
        <h2 id="panel-title">{title}</h2>
        <span class="took">{Number.isNaN(duration) ? "" : formatDuration(duration)}</span>
        <button
          type="button"
          class="quiet close"
          aria-label={t("close")}
          title={`${t("close")} (Esc)`}
          onClick={props.onClose}
        >
          ×
        </button>
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
      {span.tags.length > 0 && (
        <Values
          title={t("tags")}
          values={span.tags}
          {...(withServices ? { services: span.tags.map((tag) => tag.service) } : {})}
        />
      )}
      {span.halves.map(
        (half, index) =>
          half.resource.length > 0 && (
            <Values
              key={index}
              title={`${t("resource")} · ${showUnseen(half.service ?? t("unknownService"))}`}
              values={half.resource}
            />
          ),
      )}
      <Links halves={span.halves} />
      <Ids span={span} />
    </>
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
          <li key={index}>
            {link.kind.replace("_", " ")}{" "}
            <a href={tracePath(link.traceId, link.spanId)}>
              <code>
                {link.traceId} / {link.spanId}
              </code>
            </a>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Ids({ span }: { span: SpanAnswer }) {
  const ids = [
    [t("traceId"), span.traceId],
    [t("spanId"), span.spanId],
    [t("parentId"), span.parentId],
  ] as const;
  return (
    <section>
      <h3>{t("ids")}</h3>
      <dl class="ids">
        {ids.map(([name, id]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              {id === null ? (
                "–"
              ) : (
                <>
                  <code>{id}</code>
                  <CopyButton text={id} what={name} />
                </>
              )}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
