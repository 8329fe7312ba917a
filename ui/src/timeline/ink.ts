// The colours that the canvas draws with; style sheets do not reach into a canvas.

/** The colours of one theme. */
export interface Ink {
  readonly grid: string;
  readonly label: string;
  readonly error: string;
  readonly dotFill: string;
  readonly dotErrorFill: string;
  readonly dotEdge: string;
  readonly busy: string;
}

const LIGHT: Ink = {
  grid: "#e4e8ee",
  label: "#4a5563",
  error: "#c3262f",
  dotFill: "#ffffff",
  dotErrorFill: "#ff5a5f",
  dotEdge: "#1b2430",
  busy: "#5b7fae",
};

const DARK: Ink = {
  grid: "#29313c",
  label: "#a9b4c3",
  error: "#ff7177",
  dotFill: "#ffffff",
  dotErrorFill: "#ff5a5f",
  dotEdge: "#0b0f14",
  busy: "#6f97c9",
};

/** The colours of a theme. */
export function inkOf(isDark: boolean): Ink {
  return isDark ? DARK : LIGHT;
}

/** A colour given as `#rrggbb`, made see-through. */
export function translucent(color: string, share: number): string {
  return `${color}${Math.round(share * 255)
    .toString(16)
    .padStart(2, "0")}`;
}
