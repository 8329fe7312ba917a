// Which key does what on a trace's page. Pure: a key press in, the name of a command out.

/** The commands of the keyboard. */
export type Command =
  | "up"
  | "down"
  | "pageUp"
  | "pageDown"
  | "first"
  | "last"
  | "left"
  | "right"
  | "open"
  | "escape"
  | "zoomIn"
  | "zoomOut"
  | "zoomReset"
  | "panLeft"
  | "panRight"
  | "find"
  | "foundNext"
  | "foundPrevious"
  | "errorNext"
  | "errorPrevious"
  | "foldAll"
  | "unfoldAll"
  | "help";

/** The part of a key press that decides. */
export interface KeyPress {
  readonly key: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  ArrowUp: "up",
  ArrowDown: "down",
  PageUp: "pageUp",
  PageDown: "pageDown",
  Home: "first",
  End: "last",
  ArrowLeft: "left",
  ArrowRight: "right",
  Enter: "open",
  " ": "open",
  Escape: "escape",
  "+": "zoomIn",
  "=": "zoomIn",
  "-": "zoomOut",
  _: "zoomOut",
  "0": "zoomReset",
  "/": "find",
  n: "foundNext",
  N: "foundPrevious",
  e: "errorNext",
  E: "errorPrevious",
  "[": "foldAll",
  "]": "unfoldAll",
  "?": "help",
};

/** The command of a key press; null for keys that stay the browser's. */
export function commandOf(press: KeyPress): Command | null {
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  if (press.shiftKey && press.key === "ArrowLeft") return "panLeft";
  if (press.shiftKey && press.key === "ArrowRight") return "panRight";
  return COMMANDS[press.key] ?? null;
}

/** The rows of the help sheet: the keys, and the name of the text that explains them. */
export const KEY_HELP = [
  { keys: ["↑", "↓"], text: "help.move" },
  { keys: ["←", "→"], text: "help.fold" },
  { keys: ["[", "]"], text: "help.foldAll" },
  { keys: ["Home", "End"], text: "help.ends" },
  { keys: ["Enter"], text: "help.open" },
  { keys: ["Tab"], text: "help.dots" },
  { keys: ["Esc"], text: "help.escape" },
  { keys: ["+", "−", "0"], text: "help.zoom" },
  { keys: ["Shift ←", "Shift →"], text: "help.pan" },
  { keys: ["/"], text: "help.find" },
  { keys: ["n", "N"], text: "help.found" },
  { keys: ["e", "E"], text: "help.errors" },
  { keys: ["?"], text: "help.help" },
] as const;
