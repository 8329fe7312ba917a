// The first page: find traces.

import { useEffect, useMemo, useState } from "preact/hooks";
import { addresses, freshResource } from "../../api/client";
import type { ServicesAnswer, TracesAnswer } from "../../api/types";
import { lookbackText } from "../../base/time";
import { lookbackName, t } from "../../i18n";
import { go, parameters } from "../../shell/location";
import { Failure } from "../../widgets/failure";
import { FirstTrace } from "./first_trace";
import { SearchForm } from "./form";
import { Results } from "./results";
import {
  askedParameters,
  DEFAULT_SEARCH,
  isUnconditional,
  readSearch,
  searchAddress,
  withAlsoService,
  type SearchState,
  type SortKey,
} from "./state";

/** The page. What is searched for is in the address; the page has no state of its own. */
export function SearchPage() {
  const search = parameters.value.toString();
  const state = useMemo(() => readSearch(parameters.peek()), [search]);
  const [turn, setTurn] = useState(0);
  // The answers are asked for anew on every visit and every press of the button.
  const services = useMemo(() => freshResource<ServicesAnswer>(addresses.services()), [turn]).value;
  const asked = addresses.traces(askedParameters(state));
  const traces = useMemo(() => freshResource<TracesAnswer>(asked), [asked, turn]).value;
  useEffect(() => {
    document.title = `${state.serviceName === "" ? t("search") : state.serviceName} · Spandrel`;
  });

  const find = (next: SearchState) => {
    const address = searchAddress(next);
    // Looking again for the same is no new step of the history.
    go(address, address === window.location.pathname + window.location.search ? "replace" : "push");
    setTurn(turn + 1);
  };
  const sort = (by: SortKey) => {
    const isAscending = state.sortBy === by ? !state.isAscending : false;
    go(searchAddress({ ...state, sortBy: by, isAscending }), "replace");
  };
  const found = traces.state === "ready" ? withAlsoService(traces.data.traces, state.alsoService) : [];
  const known = services.state === "ready" ? services.data.services : [];
  const isStoreEmpty =
    services.state === "ready" && known.length === 0 && traces.state === "ready" && traces.data.traces.length === 0;
  return (
    <main id="main" class="page search-page" tabIndex={-1}>
      <h1 class="unseen">{t("search")}</h1>
      <SearchForm state={state} services={known} onFind={find} />
      {services.state === "failed" && <Failure error={services.error} onRetry={() => setTurn(turn + 1)} />}
      {traces.state === "loading" && (
        <p class="loading" role="status">
          {t("searching")}
        </p>
      )}
      {traces.state === "failed" && services.state !== "failed" && (
        <Failure error={traces.error} onRetry={() => setTurn(turn + 1)} />
      )}
      {isStoreEmpty && <FirstTrace onArrival={() => setTurn(turn + 1)} />}
      {traces.state === "ready" && found.length > 0 && (
        <Results
          traces={found}
          isMore={traces.data.traces.length >= traces.data.limit || traces.data.isCut === true}
          state={state}
          onSort={sort}
        />
      )}
      {traces.state === "ready" && found.length === 0 && !isStoreEmpty && <NothingFound state={state} onFind={find} />}
    </main>
  );
}

/** Says that nothing matched, and offers the two ways out: a longer time, fewer conditions. */
function NothingFound({ state, onFind }: { state: SearchState; onFind: (next: SearchState) => void }) {
  const WEEK_MS = 7 * 86_400_000;
  const isShort = state.lookbackMs < WEEK_MS;
  return (
    <section class="nothing" role="status">
      <h2>{t("nothingFound")}</h2>
      <p>{state.endTsMs === null ? lookbackName(lookbackText(state.lookbackMs)) : t("lookback.custom")}</p>
      <div class="ways-out">
        {isShort && (
          <button type="button" onClick={() => onFind({ ...state, endTsMs: null, lookbackMs: WEEK_MS })}>
            {t("lookWeekBack")}
          </button>
        )}
        {!isUnconditional(state) && (
          <button
            type="button"
            onClick={() => onFind({ ...DEFAULT_SEARCH, lookbackMs: state.lookbackMs, endTsMs: state.endTsMs })}
          >
            {t("dropConditions")}
          </button>
        )}
      </div>
    </section>
  );
}
