// The same links as a table, the busiest first.

import type { DependencyLink } from "../../api/types";
import { showUnseen } from "../../base/text";
import { counted, formatCount, t } from "../../i18n";

/** Gives the address of the traces of a link or of a service. */
export type LinkTarget = (of: DependencyLink | string) => string;

/** A link in words. */
export function callText(link: DependencyLink): string {
  return t("callsFromTo", {
    parent: showUnseen(link.parent),
    child: showUnseen(link.child),
    calls: counted("calls", link.callCount),
    errors: counted("errors", link.errorCount),
  });
}

function share(link: DependencyLink): string {
  if (link.errorCount === 0 || link.callCount === 0) return "";
  const percent = (100 * link.errorCount) / link.callCount;
  return ` ${percent < 0.1 ? "<0.1" : Math.round(percent * 10) / 10} %`;
}

/** The table. */
export function LinkTable({
  links,
  target,
}: {
  readonly links: readonly DependencyLink[];
  readonly target: LinkTarget;
}) {
  const sorted = [...links].sort(
    (a, b) => b.callCount - a.callCount || (a.parent + a.child < b.parent + b.child ? -1 : 1),
  );
  return (
    <div class="table-box">
      <table class="link-table" aria-label={t("dependencies")}>
        <thead>
          <tr>
            <th scope="col">{t("caller")}</th>
            <th scope="col">{t("callee")}</th>
            <th scope="col" class="number">
              {t("calls")}
            </th>
            <th scope="col" class="number">
              {t("column.errors")}
            </th>
            <th scope="col">
              <span class="unseen">{t("traces")}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((link) => (
            <tr key={`${link.parent}\n${link.child}`} class={link.errorCount > 0 ? "has-error" : undefined}>
              <td>
                <a href={target(link.parent)}>{showUnseen(link.parent)}</a>
              </td>
              <td>
                <a href={target(link.child)}>{showUnseen(link.child)}</a>
              </td>
              <td class="number">{formatCount(link.callCount)}</td>
              <td class="number">
                {link.errorCount > 0 ? <span class="error-mark">{formatCount(link.errorCount)}</span> : "0"}
                <small>{share(link)}</small>
              </td>
              <td>
                <a
                  href={target(link)}
                  aria-label={`${t("traces")}: ${showUnseen(link.parent)} → ${showUnseen(link.child)}`}
                >
                  {t("traces")}
                </a>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
