// The sheet that explains the keys and the marks.

import { t } from "../../i18n";
import { KEY_HELP } from "../../timeline/keys";
import { Sheet } from "../../widgets/sheet";

/** The sheet. */
export function HelpSheet({ onClose }: { readonly onClose: () => void }) {
  return (
    <Sheet title={t("help")} onClose={onClose}>
      <table class="keys">
        <tbody>
          {KEY_HELP.map((row) => (
            <tr key={row.text}>
              <th scope="row">
                {row.keys.map((key) => (
                  <kbd key={key}>{key}</kbd>
                ))}
              </th>
              <td>{t(row.text)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <h3>{t("marks")}</h3>
      <ul class="marks">
        <li>{t("marks.joined")}</li>
        <li>{t("marks.dot")}</li>
        <li>{t("marks.error")}</li>
        <li>{t("marks.mouse")}</li>
      </ul>
    </Sheet>
  );
}
