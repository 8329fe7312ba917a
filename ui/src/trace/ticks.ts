// Round times for the marks of a time axis. Pure.

import type { Interval } from "../base/numbers";

const STEPS = [1, 2, 5];

/** The smallest round step (1, 2 or 5 times a power of ten) that gives at most `countMax` steps. */
export function tickStepNs(lengthNs: number, countMax: number): number {
  const wanted = lengthNs / Math.max(1, countMax);
  if (!(wanted > 1)) return 1;
  const power = 10 ** Math.floor(Math.log10(wanted));
  for (const step of STEPS) if (step * power >= wanted) return step * power;
  return 10 * power;
}

/** The marks of an axis: multiples of a round step inside of the interval. */
export function ticks(interval: Interval, countMax: number): number[] {
  const lengthNs = interval.endNs - interval.startNs;
  if (!(lengthNs > 0)) return [interval.startNs];
  const step = tickStepNs(lengthNs, countMax);
  const marks: number[] = [];
  const first = Math.ceil(interval.startNs / step);
  for (let index = first; index * step <= interval.endNs; index += 1) marks.push(index * step);
  return marks;
}
