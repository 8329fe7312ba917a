// The colour of a service: steady between visits, apart from its neighbours. Pure.

/** One colour in its two forms, each readable on the background of its theme. */
export interface ServiceColor {
  readonly light: string;
  readonly dark: string;
}

// Twelve hues of even weight. Red is left out: it means error and nothing else.
const PALETTE: readonly ServiceColor[] = [
  { light: "#2f6fb5", dark: "#6aa7e8" },
  { light: "#0f7f73", dark: "#4fbfae" },
  { light: "#8a5a00", dark: "#d9a441" },
  { light: "#7651b8", dark: "#b094ea" },
  { light: "#4d7a1f", dark: "#93c35c" },
  { light: "#a8457f", dark: "#e38fc0" },
  { light: "#0b7c9e", dark: "#54c0de" },
  { light: "#8c5236", dark: "#d79a7b" },
  { light: "#52619e", dark: "#9baae6" },
  { light: "#6e6a12", dark: "#c4bd52" },
  { light: "#2c7d4b", dark: "#69c48c" },
  { light: "#86508f", dark: "#cf98d8" },
];

const UNKNOWN: ServiceColor = { light: "#5d6775", dark: "#97a3b4" };

function hash(text: string): number {
  let value = 2166136261;
  for (let index = 0; index < text.length; index += 1) {
    value = Math.imul(value ^ text.charCodeAt(index), 16777619);
  }
  return value >>> 0;
}

/**
 * Gives each service of a trace a colour. A name asks for the same one every time; a second
 * name that asks for a taken one gets the next free, so that few services never look alike.
 */
export function serviceColors(names: readonly string[]): ServiceColor[] {
  const isTaken = new Array<boolean>(PALETTE.length).fill(false);
  const colors = new Map<string, ServiceColor>();
  for (const name of [...names].sort()) {
    let slot = hash(name) % PALETTE.length;
    for (let tries = 0; tries < PALETTE.length && isTaken[slot]; tries += 1) slot = (slot + 1) % PALETTE.length;
    isTaken[slot] = true;
    colors.set(name, PALETTE[slot] ?? UNKNOWN);
  }
  return names.map((name) => colors.get(name) ?? UNKNOWN);
}

/** The colour of a span whose service was not said. */
export const UNKNOWN_SERVICE_COLOR = UNKNOWN;
