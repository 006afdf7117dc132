/** The time that a view looks at, out of the address; buckets that charts and queries share. */

import { day, hourMinute } from "./clock.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export interface Range {
  id: string;
  label: string;
  spanMs: number;
  /** How often a live view asks again. */
  refreshMs: number;
}

export const RANGES: readonly Range[] = [
  { id: "15m", label: "15 minutes", spanMs: 15 * MINUTE, refreshMs: 5_000 },
  { id: "1h", label: "1 hour", spanMs: HOUR, refreshMs: 5_000 },
  { id: "6h", label: "6 hours", spanMs: 6 * HOUR, refreshMs: 15_000 },
  { id: "24h", label: "24 hours", spanMs: DAY, refreshMs: 30_000 },
  { id: "7d", label: "7 days", spanMs: 7 * DAY, refreshMs: 60_000 },
  { id: "30d", label: "30 days", spanMs: 30 * DAY, refreshMs: 60_000 },
];
export const DEFAULT_RANGE = RANGES[1]!;

/** Widths of buckets: multiples of a minute, since measures are kept by the minute. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440].map((minutes) => minutes * MINUTE);
const MOST_BUCKETS = 96;

/** What the address asks for: a range that ends now, or two instants. */
export type Choice = { range: Range } | { fromMs: number; toMs: number };

export interface TimeWindow {
  startMs: number;
  endMs: number;
  /** Width of the buckets; `startMs` is a multiple of it. */
  stepMs: number;
}

export function readChoice(params: URLSearchParams): Choice {
  const from = Number(params.get("from") || NaN);
  const to = Number(params.get("to") || NaN);
  if (Number.isSafeInteger(from) && Number.isSafeInteger(to) && from < to) return { fromMs: from, toMs: to };
  return { range: RANGES.find((range) => range.id === params.get("range")) ?? DEFAULT_RANGE };
}

/** Puts a choice into the parameters; the default range leaves none. */
export function writeChoice(params: URLSearchParams, choice: Choice): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const name of ["range", "from", "to"]) next.delete(name);
  if ("range" in choice) {
    if (choice.range !== DEFAULT_RANGE) next.set("range", choice.range.id);
  } else {
    next.set("from", String(choice.fromMs));
    next.set("to", String(choice.toMs));
  }
  return next;
}

export function timeWindow(choice: Choice, nowMs: number): TimeWindow {
  const [from, to] = "range" in choice ? [nowMs - choice.range.spanMs, nowMs] : [choice.fromMs, choice.toMs];
  const stepMs = STEPS.find((step) => (to - from) / step <= MOST_BUCKETS) ?? STEPS.at(-1)!;
  return { startMs: Math.floor(from / stepMs) * stepMs, endMs: to, stepMs };
}

/** The window of the same length before: what figures are compared with. */
export function windowBefore(window: TimeWindow): TimeWindow {
  return { ...window, startMs: 2 * window.startMs - window.endMs, endMs: window.startMs };
}

export function choiceLabel(choice: Choice): string {
  if ("range" in choice) return `Last ${choice.range.label}`;
  const { fromMs, toMs } = choice;
  const sameDay = day(fromMs) === day(toMs);
  return `${day(fromMs)} ${hourMinute(fromMs)} – ${sameDay ? "" : `${day(toMs)} `}${hourMinute(toMs)}`;
}

/** Starts of every bucket of the window, Unix milliseconds. */
export function bucketStarts(window: TimeWindow): number[] {
  const starts: number[] = [];
  for (let at = window.startMs; at < window.endMs; at += window.stepMs) starts.push(at);
  return starts;
}
