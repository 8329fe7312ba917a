// What is typed into the search form while it is not yet a search. Pure.

import { durationUsText, lookbackText, parseDurationUs, parseLookbackMs } from "../../base/time";
import type { SearchState } from "./state";

/** The fields that are texts of their own until the form is sent. */
export interface Draft {
  readonly minDuration: string;
  readonly maxDuration: string;
  readonly lookback: string;
  readonly from: string;
  readonly to: string;
}

/** The choice of a look-back that means two moments. */
export const CUSTOM = "custom";

/** What is wrong with a draft: the name of the text that says so, and the text that it is about. */
export interface Fault {
  readonly key: "durationUnread" | "durationOrder" | "rangeOrder";
  readonly text: string;
}

/** Writes a time for a datetime-local field, which has no zone of its own. */
function localText(timeMs: number): string {
  const shifted = new Date(timeMs - new Date(timeMs).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 19);
}

/** The draft of a search. */
export function draftOf(state: SearchState, nowMs: number): Draft {
  const endMs = state.endTsMs ?? nowMs;
  return {
    minDuration: state.minDurationUs === null ? "" : durationUsText(state.minDurationUs),
    maxDuration: state.maxDurationUs === null ? "" : durationUsText(state.maxDurationUs),
    lookback: state.endTsMs === null ? lookbackText(state.lookbackMs) : CUSTOM,
    from: localText(endMs - state.lookbackMs),
    to: localText(endMs),
  };
}

/** Turns what was typed into a search, or says what is wrong with it. */
export function complete(state: SearchState, draft: Draft): SearchState | Fault {
  for (const text of [draft.minDuration, draft.maxDuration]) {
    if (text.trim() !== "" && parseDurationUs(text) === null) return { key: "durationUnread", text };
  }
  const minDurationUs = parseDurationUs(draft.minDuration);
  const maxDurationUs = parseDurationUs(draft.maxDuration);
  if (minDurationUs !== null && maxDurationUs !== null && maxDurationUs < minDurationUs) {
    return { key: "durationOrder", text: draft.maxDuration };
  }
  const durations = { ...state, minDurationUs, maxDurationUs };
  if (draft.lookback !== CUSTOM) {
    return { ...durations, endTsMs: null, lookbackMs: parseLookbackMs(draft.lookback) ?? state.lookbackMs };
  }
  const fromMs = new Date(draft.from).getTime();
  const toMs = new Date(draft.to).getTime();
  if (!(fromMs < toMs)) return { key: "rangeOrder", text: draft.to };
  return { ...durations, endTsMs: toMs, lookbackMs: toMs - fromMs };
}
