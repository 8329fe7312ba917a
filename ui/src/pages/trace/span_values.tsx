// Keys and values of a span: its tags, and what its sender said of itself.

import type { TypedValue } from "../../api/types";
import { showUnseen } from "../../base/text";
import { t } from "../../i18n";
import { ValueText } from "../../widgets/value_text";

/** A titled table of values; `services` names the sender of each where there are several. */
export function Values(props: { title: string; values: readonly TypedValue[]; services?: readonly (string | null)[] }) {
  return (
    <section>
      <h3>{props.title}</h3>
      <div class="table-box">
        <table class="values" aria-label={props.title}>
          <thead class="unseen">
            <tr>
              <th scope="col">{t("key")}</th>
              <th scope="col">{t("value")}</th>
              {props.services && <th scope="col">{t("service")}</th>}
            </tr>
          </thead>
          <tbody>
            {props.values.map((one, index) => (
              <tr key={index} class={one.key === "error" ? "has-error" : undefined}>
                <th scope="row">{showUnseen(one.key)}</th>
                <td>
                  <ValueText text={one.value} />
                  {one.type !== "string" && <small class="type">{one.type}</small>}
                </td>
                {props.services && <td class="of">{showUnseen(props.services[index] ?? "")}</td>}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
