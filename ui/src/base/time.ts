// Texts of durations, offsets and wall times, and the way back for what people type. Pure.

const NS_PER_US = 1e3;
const NS_PER_MS = 1e6;
const NS_PER_S = 1e9;

/** Writes a number with at most three decimals and no idle zeros. */
function decimal(value: number): string {
  return String(Math.round(value * 1000) / 1000);
}

function twoUnits(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return `${Math.floor(large)} ${largeUnit}${small === 0 ? "" : ` ${small} ${smallUnit}`}`;
}

/** Writes a duration in the unit that suits it: `38 µs`, `13.154 ms`, `2 min 5.1 s`. */
export function formatDuration(durationNs: number): string {
  if (durationNs < 0) return `\u2212${formatDuration(-durationNs)}`;
  if (durationNs < NS_PER_US) return `${decimal(durationNs)} ns`;
  if (durationNs < NS_PER_MS) return `${decimal(durationNs / NS_PER_US)} µs`;
  // The unit is chosen after rounding, so that nothing is ever `1000 ms` or `60 s`.
  if (Math.round(durationNs / NS_PER_US) < 1e6) return `${decimal(durationNs / NS_PER_MS)} ms`;
  const seconds = durationNs / NS_PER_S;
  if (Math.round(durationNs / NS_PER_MS) < 60_000) return `${decimal(seconds)} s`;
  if (seconds < 3600) return twoUnits(seconds / 60, "min", Math.floor((durationNs % 60e9) / 1e8) / 10, "s");
  if (seconds < 86_400) return twoUnits(seconds / 3600, "h", Math.floor((seconds % 3600) / 60), "min");
  return twoUnits(seconds / 86_400, "d", Math.floor((seconds % 86_400) / 3600), "h");
}

/** Writes an offset from a start with its sign: `+180 µs`; the start itself is `0`. */
export function formatOffset(offsetNs: number): string {
  if (offsetNs === 0) return "0";
  return offsetNs > 0 ? `+${formatDuration(offsetNs)}` : formatDuration(offsetNs);
}

/** A wall time split for display: local date, local time of day, and the whole in UTC. */
export interface WallTime {
  readonly date: string;
  readonly time: string;
  readonly utc: string;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** Splits nanoseconds since 1970, given as decimal text, without losing any digit. */
export function wallTime(timeNs: string): WallTime | null {
  if (!/^-?\d{1,20}$/.test(timeNs)) return null;
  const total = BigInt(timeNs);
  const wholeMs = total / 1_000_000n;
  const date = new Date(Number(wholeMs));
  if (total < 0n || Number.isNaN(date.getTime())) return null;
  const belowMs = String(total % 1_000_000n).padStart(6, "0");
  // Most senders count microseconds; the last three digits are shown when they say something.
  const below = belowMs.endsWith("000") ? belowMs.slice(0, 3) : belowMs;
  const ms = String(date.getMilliseconds()).padStart(3, "0");
  return {
    date: `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    time: `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${ms}${below}`,
    utc: date.toISOString().replace("Z", `${below}Z`),
  };
}

/** Milliseconds since 1970 of a time in nanoseconds given as decimal text. */
export function toMs(timeNs: string): number {
  return Number(BigInt(timeNs) / 1_000_000n);
}

const MICROSECONDS: Readonly<Record<string, number>> = {
  us: 1,
  µs: 1,
  μs: 1,
  ms: 1e3,
  s: 1e6,
  m: 6e7,
  min: 6e7,
  h: 3.6e9,
};

/** Reads `250us`, `10 ms`, `1.5s`, `2min` into whole microseconds; null when it is none. */
export function parseDurationUs(text: string): number | null {
  const parts = /^\s*(\d+(?:\.\d+)?)\s*([a-zµμ]+)\s*$/i.exec(text);
  const unit = MICROSECONDS[parts?.[2]?.toLowerCase() ?? ""];
  if (!parts || unit === undefined) return null;
  const value = Math.round(Number(parts[1]) * unit);
  return value > 0 && Number.isSafeInteger(value) ? value : null;
}

/** Writes microseconds so that `parseDurationUs` reads them back: `10ms`. */
export function durationUsText(durationUs: number): string {
  if (durationUs % 1e6 === 0) return `${durationUs / 1e6}s`;
  return durationUs % 1e3 === 0 ? `${durationUs / 1e3}ms` : `${durationUs}us`;
}

const LOOKBACK_MS: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 3.6e6, d: 8.64e7 };

/** Reads a look-back such as `15m`, `6h`, `7d`, or plain milliseconds. */
export function parseLookbackMs(text: string): number | null {
  const parts = /^(\d{1,15})([smhd]?)$/.exec(text);
  if (!parts) return null;
  const value = Number(parts[1]) * (LOOKBACK_MS[parts[2] ?? ""] ?? 1);
  return value > 0 ? value : null;
}

/** The look-backs to choose from, as addresses write them. */
export const LOOKBACKS = ["5m", "15m", "1h", "3h", "6h", "12h", "1d", "2d", "7d", "30d"] as const;

/** Writes a look-back the short way where it is a round one. */
export function lookbackText(lookbackMs: number): string {
  return LOOKBACKS.find((text) => parseLookbackMs(text) === lookbackMs) ?? String(lookbackMs);
}

/** How long ago something was, as a count and a unit that the language files name. */
export interface Ago {
  readonly count: number;
  readonly unit: "second" | "minute" | "hour" | "day";
}

/** Rounds an age down to its largest whole unit; a time in the future is no age. */
export function ago(timeMs: number, nowMs: number): Ago {
  const seconds = Math.max(0, Math.floor((nowMs - timeMs) / 1000));
  if (seconds < 60) return { count: seconds, unit: "second" };
  if (seconds < 3600) return { count: Math.floor(seconds / 60), unit: "minute" };
  if (seconds < 86_400) return { count: Math.floor(seconds / 3600), unit: "hour" };
  return { count: Math.floor(seconds / 86_400), unit: "day" };
}
