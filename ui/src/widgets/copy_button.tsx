// A button that copies a text and says that it did.

import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";

/** How long the button says what it did. */
const SAID_FOR_MS = 2000;

/** The button. `what` names the copied thing to screen readers. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [said, setSaid] = useState<"copied" | "copyRefused" | null>(null);
  useEffect(() => {
    if (said === null) return undefined;
    const timer = window.setTimeout(() => setSaid(null), SAID_FOR_MS);
    return () => window.clearTimeout(timer);
  }, [said]);
  const copy = async () => {
    try {
      // Absent outside of a secure context, for instance on plain http from another machine.
      await navigator.clipboard.writeText(text);
      setSaid("copied");
    } catch {
      setSaid("copyRefused");
    }
  };
  return (
    <button
      type="button"
      class="quiet copy"
      aria-label={said === null ? `${t("copy")}: ${what}` : t(said)}
      onClick={copy}
    >
      <span aria-live="polite">{said === null ? t("copy") : t(said)}</span>
    </button>
  );
}
