import { expect, test } from "vitest";
import { complete, draftOf } from "./draft";
import { DEFAULT_SEARCH } from "./state";

const NOW_MS = 1_700_000_000_000;
const DRAFT = draftOf(DEFAULT_SEARCH, NOW_MS);

test("an untouched draft is the search that it was made of", () => {
  expect(complete(DEFAULT_SEARCH, DRAFT)).toEqual(DEFAULT_SEARCH);
  const fixed = {
    ...DEFAULT_SEARCH,
    endTsMs: NOW_MS,
    lookbackMs: 60_000,
    minDurationUs: 250,
    maxDurationUs: 3_000_000,
  };
  expect(complete(fixed, draftOf(fixed, 0))).toEqual(fixed);
});

test("durations without a unit are told, not guessed", () => {
  expect(complete(DEFAULT_SEARCH, { ...DRAFT, maxDuration: "10" })).toEqual({ key: "durationUnread", text: "10" });
});

test("the longest may not be below the shortest, nor the end before the start", () => {
  expect(complete(DEFAULT_SEARCH, { ...DRAFT, minDuration: "2s", maxDuration: "1s" })).toMatchObject({
    key: "durationOrder",
  });
  const turned = { ...DRAFT, lookback: "custom", from: DRAFT.to, to: DRAFT.from };
  expect(complete(DEFAULT_SEARCH, turned)).toMatchObject({ key: "rangeOrder" });
});
