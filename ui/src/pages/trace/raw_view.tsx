// The trace as the Zipkin API gives it, to read, copy and download.

import { useMemo, useState } from "preact/hooks";
import { addresses, forget, resource } from "../../api/client";
import { t } from "../../i18n";
import { CopyButton } from "../../widgets/copy_button";
import { Failure } from "../../widgets/failure";
import { Sheet } from "../../widgets/sheet";

/** The most characters shown; a longer trace is for the download. */
const SHOWN_LEN_MAX = 300_000;

/** The sheet. */
export function RawView({ traceId, onClose }: { readonly traceId: string; readonly onClose: () => void }) {
  const [turn, setTurn] = useState(0);
  const address = addresses.rawTrace(traceId);
  const answer = useMemo(() => resource<unknown>(address), [address, turn]).value;
  const text = useMemo(() => (answer.state === "ready" ? JSON.stringify(answer.data, null, 2) : ""), [answer]);
  const retry = () => {
    forget(address);
    setTurn(turn + 1);
  };
  const actions = (
    <>
      {text !== "" && <CopyButton text={text} what="JSON" />}
      <a class="button" href={address} download={`${traceId}.json`}>
        {t("download")}
      </a>
    </>
  );
  return (
    <Sheet title={`JSON · ${traceId}`} onClose={onClose} actions={actions}>
      {answer.state === "loading" && <p role="status">{t("loading")}</p>}
      {answer.state === "failed" && <Failure error={answer.error} onRetry={retry} />}
      {text.length > SHOWN_LEN_MAX && <p class="muted">{t("rawCut")}</p>}
      {text !== "" && (
        <pre class="raw" tabIndex={0}>
          {text.slice(0, SHOWN_LEN_MAX)}
        </pre>
      )}
    </Sheet>
  );
}
