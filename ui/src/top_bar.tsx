// The bar at the top: where one is, a way to a trace by its id, theme and language.

import { useRef } from "preact/hooks";
import { tracePath, type Route } from "./base/url";
import { t } from "./i18n";
import { go } from "./shell/location";
import { LANGUAGES, language, THEMES, theme } from "./shell/preferences";

const LANGUAGE_NAMES = { en: "English", zh: "中文" } as const;

/** The bar. */
export function TopBar({ page }: { page: Route["page"] }) {
  return (
    <header class="top-bar">
      <a class="brand" href="/" aria-label="Spandrel">
        <Mark />
        <span>Spandrel</span>
      </a>
      <nav aria-label={t("pages")}>
        <a href="/" aria-current={page === "search" ? "page" : undefined}>
          {t("search")}
        </a>
        <a href="/dependencies" aria-current={page === "dependencies" ? "page" : undefined}>
          {t("dependencies")}
        </a>
      </nav>
      <OpenById />
      <label class="choice">
        <span class="unseen">{t("theme")}</span>
        <select
          value={theme.value}
          onChange={(event) => (theme.value = THEMES[event.currentTarget.selectedIndex] ?? "system")}
        >
          {THEMES.map((name) => (
            <option key={name} value={name}>
              {t(`theme.${name}`)}
            </option>
          ))}
        </select>
      </label>
      <label class="choice">
        <span class="unseen">{t("language")}</span>
        <select
          value={language.value}
          onChange={(event) => (language.value = LANGUAGES[event.currentTarget.selectedIndex] ?? "en")}
        >
          {LANGUAGES.map((name) => (
            <option key={name} value={name}>
              {LANGUAGE_NAMES[name]}
            </option>
          ))}
        </select>
      </label>
    </header>
  );
}

function OpenById() {
  const input = useRef<HTMLInputElement>(null);
  const open = (event: Event) => {
    event.preventDefault();
    const traceId = input.current?.value.trim().toLowerCase() ?? "";
    if (traceId !== "") go(tracePath(traceId));
  };
  return (
    <form class="open-by-id" role="search" aria-label={t("openById")} onSubmit={open}>
      <input
        ref={input}
        aria-label={t("traceId")}
        placeholder={t("openById")}
        spellcheck={false}
        autocomplete="off"
        maxLength={64}
      />
    </form>
  );
}

function Mark() {
  return (
    <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="7" class="mark-ground" />
      <path d="M5 25V8h22v17c0-7-4.9-11.5-11-11.5S5 18 5 25z" class="mark-figure" />
      <circle cx="9.5" cy="11.5" r="1.7" class="mark-ground" />
      <circle cx="22.5" cy="11.5" r="1.7" class="mark-ground" />
    </svg>
  );
}
