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
