// What went wrong, in the server's words, with a way to try again.

import type { ApiError } from "../api/client";
import { t } from "../i18n";

/** The message. */
export function Failure({ error, onRetry }: { readonly error: ApiError; readonly onRetry: () => void }) {
  return (
    <div class="failure" role="alert">
      <p>{error.status === 0 ? t("unreachable") : t("refused", { status: error.status })}</p>
      <pre>{error.message}</pre>
      <button type="button" onClick={onRetry}>
        {t("tryAgain")}
      </button>
    </div>
  );
}
