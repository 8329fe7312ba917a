// What a person chose to see it in: theme and language. Kept in the browser, not in addresses.

import { computed, effect, signal } from "@preact/signals";

/** The themes to choose from. */
export const THEMES = ["system", "light", "dark"] as const;
/** The languages to choose from. */
export const LANGUAGES = ["en", "zh"] as const;

/** A theme. */
export type Theme = (typeof THEMES)[number];
/** A language. */
export type Language = (typeof LANGUAGES)[number];

function kept<T extends string>(name: string, allowed: readonly T[], otherwise: T): T {
  try {
    const value = window.localStorage.getItem(name);
    return allowed.find((choice) => choice === value) ?? otherwise;
  } catch {
    // A browser may refuse storage; then the choice lasts as long as the page.
    return otherwise;
  }
}

function keep(name: string, value: string): void {
  try {
    window.localStorage.setItem(name, value);
  } catch {
    // As above.
  }
}

const browserLanguage: Language = window.navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";

/** The chosen theme. */
export const theme = signal<Theme>(kept("spandrel.theme", THEMES, "system"));
/** The chosen language; at first the browser's. */
export const language = signal<Language>(kept("spandrel.language", LANGUAGES, browserLanguage));

const darkSystem = window.matchMedia("(prefers-color-scheme: dark)");
const isSystemDark = signal(darkSystem.matches);
darkSystem.addEventListener("change", (event) => (isSystemDark.value = event.matches));

/** True while the page is drawn dark. */
export const isDark = computed(() => (theme.value === "system" ? isSystemDark.value : theme.value === "dark"));

effect(() => {
  document.documentElement.dataset["theme"] = theme.value;
  keep("spandrel.theme", theme.value);
});

effect(() => {
  document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
  keep("spandrel.language", language.value);
});
