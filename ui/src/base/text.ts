// What a received text may become on the page: a link, a shorter text, a safer one. Pure.
// Received text is never markup; these functions return text and plain data only.

/** The address to link to when a whole text is one http or https address; otherwise null. */
export function linkTarget(text: string): string | null {
  if (text.length > 2048 || !/^https?:\/\/[^\s"'<>]+$/i.test(text)) return null;
  try {
    const address = new URL(text);
    return address.protocol === "http:" || address.protocol === "https:" ? address.href : null;
  } catch {
    return null;
  }
}

// Characters that reorder or hide the text around them, and control characters.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/** Shows control and direction characters as `\u{202e}`, so that no name can disguise another. */
export function showUnseen(text: string): string {
  return text.replace(UNSEEN, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Cuts a text for a place of limited width, between characters. */
export function shorten(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  return `${Array.from(text.slice(0, lengthMax * 2))
    .slice(0, lengthMax - 1)
    .join("")}\u2026`;
}

/** True when every letter of `wanted` is in `text` in one piece, whatever the case. */
export function containsText(text: string, wanted: string): boolean {
  return text.toLowerCase().includes(wanted.toLowerCase());
}
