// The frame around every page: the bar at the top, the page of the address, and the message in
// place of a page that failed.

import { Component, type ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { t } from "./i18n";
import { DependenciesPage } from "./pages/dependencies";
import { SearchPage } from "./pages/search";
import { TracePage } from "./pages/trace";
import { followLinks, route } from "./shell/location";
import { TopBar } from "./top_bar";

/** The program. */
export function App() {
  useEffect(() => {
    document.addEventListener("click", followLinks);
    return () => document.removeEventListener("click", followLinks);
  }, []);
  const at = route.value;
  const key = at.page === "trace" ? at.traceId : at.page;
  const lastKey = useRef(key);
  useEffect(() => {
    // A screen reader goes on at the new page; the first page is where it begins anyway.
    if (lastKey.current !== key) document.getElementById("main")?.focus();
    lastKey.current = key;
  }, [key]);
  return (
    <>
      <a class="skip" href="#main">
        {t("skipToContent")}
      </a>
      <TopBar page={at.page} />
      <Guard key={key}>
        {at.page === "search" && <SearchPage />}
        {at.page === "trace" && <TracePage traceId={at.traceId} />}
        {at.page === "dependencies" && <DependenciesPage />}
        {at.page === "missing" && <Missing />}
      </Guard>
    </>
  );
}

function Missing() {
  return (
    <main id="main" class="page notice" tabIndex={-1}>
      <h1>{t("noSuchPage")}</h1>
      <p>
        <a href="/">{t("toSearch")}</a>
      </p>
    </main>
  );
}

/** Shows what went wrong instead of a blank page when a page cannot be drawn. */
class Guard extends Component<{ children: ComponentChildren }, { error: string | null }> {
  override state = { error: null };

  override componentDidCatch(error: unknown): void {
    this.setState({ error: error instanceof Error ? error.message : String(error) });
  }

  override render() {
    if (this.state.error === null) return this.props.children;
    return (
      <main id="main" class="page notice" tabIndex={-1}>
        <h1>{t("pageFailed")}</h1>
        <pre role="alert">{this.state.error}</pre>
        <p>
          <a href="/">{t("toSearch")}</a>
        </p>
      </main>
    );
  }
}
