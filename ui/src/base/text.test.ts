import { describe, expect, test } from "vitest";
import { linkTarget, shorten, showUnseen } from "./text";

describe("links", () => {
  test.each(["http://localhost:8000/", "https://example.org/a?b=c#d"])("%s becomes one", (text) => {
    expect(linkTarget(text)).toBe(text);
  });

  test.each([
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "ftp://a/b",
    "//a/b",
    "/gettime",
    " http://a/",
    "see http://a/",
    'http://a/"onclick=',
    "http://a/<b>",
    "http://",
    "file:///a",
  ])("%j does not", (text) => expect(linkTarget(text)).toBeNull());
});

describe("unseen characters", () => {
  test("those that reorder text are shown", () => {
    expect(showUnseen("a\u202eb\u0000c")).toBe("a\\u{202e}b\\u{0}c");
  });

  test("joined emoji and other scripts stay whole", () => {
    for (const text of ["👩‍👩‍👧", "田中さん", "السلام"]) expect(showUnseen(text)).toBe(text);
  });
});

test("long texts are cut between characters", () => {
  expect(shorten("abcdef", 4)).toBe("abc…");
  expect(shorten("😀😀😀😀😀", 4)).toBe("😀😀😀…");
  expect(shorten("abc", 4)).toBe("abc");
});
