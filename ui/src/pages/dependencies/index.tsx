// The page of who calls whom over a stretch of time.

import { useEffect, useMemo, useState } from "preact/hooks";
import { addresses, freshResource } from "../../api/client";
import type { DependenciesAnswer, DependencyLink } from "../../api/types";
import { containsText } from "../../base/text";
import { parseLookbackMs } from "../../base/time";
import { t } from "../../i18n";
import { parameters, setParameters } from "../../shell/location";
import { Failure } from "../../widgets/failure";
import { LookbackSelect } from "../../widgets/lookback_select";
import { TextField } from "../../widgets/text_field";
import { DEFAULT_SEARCH, searchAddress } from "../search/state";
import { Graph, LINKS_DRAWN_MAX } from "./graph";
import { LinkTable } from "./table";

const USUAL_LOOKBACK = "1d";

/** How many of a caller's traces are looked through for those of one link. */
const LINK_LIMIT = 250;

/** The page. The stretch of time and the filter are in the address. */
export function DependenciesPage() {
  const lookback = parameters.value.get("lookback") ?? USUAL_LOOKBACK;
  const lookbackMs = parseLookbackMs(lookback) ?? 86_400_000;
  const wanted = parameters.value.get("filter") ?? "";
  const [turn, setTurn] = useState(0);
  const address = addresses.dependencies(null, lookbackMs);
  const answer = useMemo(() => freshResource<DependenciesAnswer>(address), [address, turn]).value;
  useEffect(() => {
    document.title = `${t("dependencies")} · Spandrel`;
  });
  const links = useMemo(() => (answer.state === "ready" ? filtered(answer.data.links, wanted) : []), [answer, wanted]);
  return (
    <main id="main" class="page dependencies-page" tabIndex={-1}>
      <div class="page-head">
        <h1>{t("dependencies")}</h1>
        <LookbackSelect value={lookback} offered={lookback} onPick={(picked) => setParameters({ lookback: picked })} />
        <TextField
          label={t("service")}
          value={wanted}
          placeholder={t("filterServices")}
          lengthMax={200}
          onType={(text) => setParameters({ filter: text || null })}
        />
        <button type="button" onClick={() => setTurn(turn + 1)}>
          {t("refresh")}
        </button>
      </div>
      {answer.state === "loading" && (
        <p class="loading" role="status">
          {t("loading")}
        </p>
      )}
      {answer.state === "failed" && <Failure error={answer.error} onRetry={() => setTurn(turn + 1)} />}
      {answer.state === "ready" && links.length === 0 && (
        <section class="nothing" role="status">
          <h2>{t("noLinks")}</h2>
          <p>{t("noLinksHow")}</p>
        </section>
      )}
      {links.length > LINKS_DRAWN_MAX && <p class="muted">{t("tooManyLinks", { count: LINKS_DRAWN_MAX })}</p>}
      {links.length > 0 && links.length <= LINKS_DRAWN_MAX && (
        <Graph links={links} target={(of) => tracesAddress(of, lookbackMs)} />
      )}
      {links.length > 0 && <LinkTable links={links} target={(of) => tracesAddress(of, lookbackMs)} />}
    </main>
  );
}

function filtered(links: readonly DependencyLink[], wanted: string): readonly DependencyLink[] {
  const text = wanted.trim();
  return text === ""
    ? links
    : links.filter((link) => containsText(link.parent, text) || containsText(link.child, text));
}

function tracesAddress(of: DependencyLink | string, lookbackMs: number): string {
  const services =
    typeof of === "string" ? { serviceName: of } : { serviceName: of.parent, alsoService: of.child, limit: LINK_LIMIT };
  return searchAddress({ ...DEFAULT_SEARCH, ...services, lookbackMs });
}
