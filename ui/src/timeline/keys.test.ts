import { expect, test } from "vitest";
import { commandOf } from "./keys";

const press = (key: string, held: object = {}) =>
  commandOf({ key, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false, ...held });

test("keys have their commands", () => {
  expect(["ArrowDown", "Enter", "Escape", "+", "-", "/", "?", "e"].map((key) => press(key))).toEqual([
    "down",
    "open",
    "escape",
    "zoomIn",
    "zoomOut",
    "find",
    "help",
    "errorNext",
  ]);
});

test("Shift turns the side arrows into panning", () => {
  expect([press("ArrowLeft", { shiftKey: true }), press("ArrowLeft")]).toEqual(["panLeft", "left"]);
});

test("the browser keeps its own combinations", () => {
  expect([press("f", { ctrlKey: true }), press("+", { metaKey: true }), press("q")]).toEqual([null, null, null]);
});
