// Texts in the chosen language. A text may hold `{name}` places; they are filled with plain text.

import { language } from "../shell/preferences";
import { en } from "./en";
import { zh } from "./zh";

/** The name of a text. */
export type TextKey = keyof typeof en;

const texts: Record<"en" | "zh", Readonly<Record<TextKey, string>>> = { en, zh };

/** The text of a key in the chosen language, its places filled. */
export function t(key: TextKey, places: Readonly<Record<string, string | number>> = {}): string {
  return texts[language.value][key].replace(/\{(\w+)\}/g, (whole, name: string) => {
    const filled = places[name];
    return filled === undefined ? whole : String(filled);
  });
}

/** A count with its noun: English tells one from many, Chinese does not. */
export function counted(noun: "spans" | "services" | "errors" | "calls" | "events" | "traces", count: number): string {
  return t(count === 1 ? `${noun}.one` : `${noun}.many`, { count: formatCount(count) });
}

/** A number in the way of the language. */
export function formatCount(count: number): string {
  return new Intl.NumberFormat(language.value).format(count);
}

/** The name of a look-back in the chosen language: `Last 15 minutes`. */
export function lookbackName(text: string): string {
  const parts = /^(\d+)([smhd])$/.exec(text);
  if (!parts) return t("lookback.ms", { count: text });
  const units = { s: "second", m: "minute", h: "hour", d: "day" } as const;
  const unit = units[(parts[2] ?? "m") as keyof typeof units];
  return t(parts[1] === "1" ? `last.${unit}` : `last.${unit}s`, { count: parts[1] ?? "" });
}
