// What each side of a call said of itself: when, how long, from where, how it ended.

import type { SpanHalf } from "../../api/types";
import { showUnseen } from "../../base/text";
import { formatDuration, formatOffset } from "../../base/time";
import { t, type TextKey } from "../../i18n";

/** The halves of a span, the calling one first. */
export function Halves({ halves }: { halves: readonly SpanHalf[] }) {
  return (
    <section class="halves">
      {halves.map((half, index) => (
        <dl key={index} class={half.status.code === "error" ? "half has-error" : "half"}>
          <div class="who">
            <dt>{half.kind === null ? t("kind.none") : kindText(half.kind)}</dt>
            <dd>
              <b>{showUnseen(half.service ?? t("unknownService"))}</b>
            </dd>
          </div>
          <div>
            <dt>{t("column.start")}</dt>
            <dd>{half.offsetNs === null ? "–" : formatOffset(half.offsetNs)}</dd>
          </div>
          <div>
            <dt>{t("column.duration")}</dt>
            <dd>{half.durationNs === null ? "–" : formatDuration(half.durationNs)}</dd>
          </div>
          {half.localAddress !== null && (
            <div>
              <dt>{t("address")}</dt>
              <dd>{showUnseen(half.localAddress)}</dd>
            </div>
          )}
          {half.remoteAddress !== null && (
            <div>
              <dt>{t("remoteAddress")}</dt>
              <dd>{showUnseen(half.remoteAddress)}</dd>
            </div>
          )}
          {half.status.code !== "unset" && (
            <div>
              <dt>{t("status")}</dt>
              <dd>
                {half.status.code} {half.status.message}
              </dd>
            </div>
          )}
          {half.scope !== null && (
            <div>
              <dt>{t("scope")}</dt>
              <dd>{showUnseen(half.scope)}</dd>
            </div>
          )}
        </dl>
      ))}
    </section>
  );
}

function kindText(kind: string): string {
  const keys: Readonly<Record<string, TextKey>> = {
    client: "kind.client",
    server: "kind.server",
    producer: "kind.producer",
    consumer: "kind.consumer",
    internal: "kind.internal",
  };
  const key = keys[kind];
  return key === undefined ? kind : t(key);
}
