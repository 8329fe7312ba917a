// Carries out the keyboard's commands on a trace's page.

import { useLayoutEffect, useRef } from "preact/hooks";
import { commandOf, type Command } from "../../timeline/keys";
import type { Viewport } from "../../timeline/viewport";

/** The id of the field that looks for spans. */
export const FIND_FIELD_ID = "find-in-trace";

/** How many rows a page key moves. */
const PAGE_ROWS = 15;

/** How far a pan key moves, as a share of the shown stretch. */
const PAN_SHARE = 0.25;

/** What the page does for the keyboard. */
export interface KeyActions {
  readonly onSelect: (row: number) => void;
  readonly onClose: () => void;
  readonly onHelp: () => void;
}

/** Listens on the whole page, leaving fields, buttons and open dialogs their own keys. */
export function useKeys(viewport: Viewport, actions: KeyActions): void {
  const latest = useRef(actions);
  latest.current = actions;
  // Before the first paint: whoever sees the rows can already use the keys.
  useLayoutEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.defaultPrevented) return;
      const command = commandOf(event);
      if (command === null || belongsElsewhere(event.target, command)) return;
      event.preventDefault();
      carryOut(command, viewport, latest.current);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [viewport]);
}

function belongsElsewhere(target: EventTarget | null, command: Command): boolean {
  if (!(target instanceof Element)) return false;
  if (target.closest("dialog, input, select, textarea"))
    return command !== "escape" || target.closest("dialog") !== null;
  // In the panel, moving keys scroll what is read there; Enter follows links and presses buttons.
  if (target.closest(".panel")) return command !== "escape" && command !== "help" && command !== "find";
  return command === "open" && target.closest("button, a, summary") !== null && !target.matches(".dot");
}

const MOVES: Partial<Record<Command, (viewport: Viewport) => void>> = {
  up: (viewport) => viewport.moveFocus(-1),
  down: (viewport) => viewport.moveFocus(1),
  pageUp: (viewport) => viewport.moveFocus(-PAGE_ROWS),
  pageDown: (viewport) => viewport.moveFocus(PAGE_ROWS),
  first: (viewport) => viewport.moveFocus(Number.NEGATIVE_INFINITY),
  last: (viewport) => viewport.moveFocus(Number.POSITIVE_INFINITY),
  left: (viewport) => viewport.goLeft(),
  right: (viewport) => viewport.goRight(),
  foundNext: (viewport) => viewport.goToFound(1),
  foundPrevious: (viewport) => viewport.goToFound(-1),
  errorNext: (viewport) => viewport.goToError(1),
  errorPrevious: (viewport) => viewport.goToError(-1),
  foldAll: (viewport) => viewport.foldAll(true),
  unfoldAll: (viewport) => viewport.foldAll(false),
};

const VIEWS: Partial<Record<Command, (viewport: Viewport) => void>> = {
  zoomIn: (viewport) => viewport.zoomBy(1),
  zoomOut: (viewport) => viewport.zoomBy(-1),
  zoomReset: (viewport) => viewport.resetZoom(),
  panLeft: (viewport) => viewport.pan(-PAN_SHARE),
  panRight: (viewport) => viewport.pan(PAN_SHARE),
};

function carryOut(command: Command, viewport: Viewport, actions: KeyActions): void {
  const move = MOVES[command];
  if (move) {
    move(viewport);
    viewport.focusTurn.value += 1;
    // An open panel follows, so that a trace can be read span by span with one key.
    if (viewport.selectedRow.peek() >= 0) actions.onSelect(viewport.focusRow.peek());
    return;
  }
  VIEWS[command]?.(viewport);
  if (command === "open") actions.onSelect(viewport.focusRow.peek());
  if (command === "help") actions.onHelp();
  if (command === "find") focusFind();
  if (command === "escape") stepBack(viewport, actions);
}

function focusFind(): void {
  const field = document.getElementById(FIND_FIELD_ID);
  if (field instanceof HTMLInputElement) field.select();
}

/** Escape undoes one thing at a time: the panel, then what is looked for, then the zoom. */
function stepBack(viewport: Viewport, actions: KeyActions): void {
  if (viewport.selectedRow.peek() >= 0) actions.onClose();
  else if (viewport.wanted.peek() !== "") {
    viewport.wanted.value = "";
    viewport.focusTurn.value += 1;
  } else viewport.resetZoom();
}
