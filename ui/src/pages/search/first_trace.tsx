// Help for a store that holds nothing yet: how to send a first trace, client by client.

import { useEffect, useRef, useState } from "preact/hooks";
import { addresses, ask } from "../../api/client";
import type { ServicesAnswer } from "../../api/types";
import { t } from "../../i18n";
import { CopyButton } from "../../widgets/copy_button";
import { snippets } from "./snippets";

/** How often the server is asked whether the first trace came. */
const POLL_INTERVAL_MS = 2000;

/** The help; calls back once a first service is known. */
export function FirstTrace({ onArrival }: { readonly onArrival: () => void }) {
  useArrival(onArrival);
  const ways = snippets(window.location.origin);
  const [chosen, setChosen] = useState(0);
  const tabs = useRef<HTMLDivElement>(null);
  const step = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    event.preventDefault();
    const next = (chosen + by + ways.length) % ways.length;
    setChosen(next);
    tabs.current?.querySelectorAll("button")[next]?.focus();
  };
  const way = ways[chosen];
  return (
    <section class="first-trace" aria-labelledby="first-trace-title">
      <h2 id="first-trace-title">{t("firstTrace")}</h2>
      <p>{t("firstTraceHow")}</p>
      <div ref={tabs} class="tabs" role="tablist" aria-label={t("client")} onKeyDown={step}>
        {ways.map((one, index) => (
          <button
            key={one.id}
            type="button"
            role="tab"
            id={`tab-${one.id}`}
            aria-selected={index === chosen}
            aria-controls="first-trace-code"
            tabIndex={index === chosen ? 0 : -1}
            onClick={() => setChosen(index)}
          >
            {one.title}
          </button>
        ))}
      </div>
      {way && (
        <div class="snippet" role="tabpanel" id="first-trace-code" aria-labelledby={`tab-${way.id}`}>
          <CopyButton key={way.id} text={way.code} what={way.title} />
          <pre tabIndex={0}>{way.code}</pre>
        </div>
      )}
      <p class="waiting" role="status">
        <i aria-hidden="true" />
        {t("waiting")}
      </p>
    </section>
  );
}

function useArrival(onArrival: () => void): void {
  const callBack = useRef(onArrival);
  callBack.current = onArrival;
  useEffect(() => {
    const timer = window.setInterval(async () => {
      if (document.hidden) return;
      // A server that is down now may be up at the next turn, so a failed question is no matter.
      const answer = await ask<ServicesAnswer>(addresses.services()).catch(() => null);
      if (answer && answer.services.length > 0) callBack.current();
    }, POLL_INTERVAL_MS);
    return () => window.clearInterval(timer);
  }, []);
}
