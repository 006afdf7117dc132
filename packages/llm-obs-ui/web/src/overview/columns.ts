/** What a table of the overview can say of a row. */

import type { AggregateRow } from "../api/types.ts";
import { costOf, count, duration, exact, exactMoney, percent } from "../logic/format.ts";
import { num } from "../logic/int64.ts";

export interface Column {
  head: string;
  value: (row: AggregateRow) => number;
  show: (row: AggregateRow) => string;
  title?: (row: AggregateRow) => string;
  /** What is left out first where it is narrow. */
  room?: "wide" | "mid";
}

export const REQUESTS: Column = {
  head: "Requests",
  value: (row) => num(row.requests),
  show: (row) => count(row.requests),
  title: (row) => exact(row.requests),
};
export const ERRORS: Column = {
  head: "Errors",
  value: (row) => row.errorRate,
  show: (row) => percent(row.errorRate),
  title: (row) => `${exact(row.errors)} failed`,
};
export const P50: Column = {
  head: "P50",
  value: (row) => row.duration?.p50 ?? 0,
  show: (row) => duration(row.duration?.p50),
  room: "wide",
};
export const P95: Column = {
  head: "P95",
  value: (row) => row.duration?.p95 ?? 0,
  show: (row) => duration(row.duration?.p95),
  room: "mid",
};
export const TTFT: Column = {
  head: "First token",
  value: (row) => row.ttft?.p50 ?? 0,
  show: (row) => duration(row.ttft?.p50),
  room: "wide",
};
export const SPEED: Column = {
  head: "Tok/s",
  value: (row) => row.tokensPerSecond ?? 0,
  show: (row) => (row.tokensPerSecond ? count(Math.round(row.tokensPerSecond)) : "–"),
  room: "wide",
};
export const TOKENS: Column = {
  head: "Tokens",
  value: (row) => num(row.inputTokens) + num(row.outputTokens),
  show: (row) => count(num(row.inputTokens) + num(row.outputTokens)),
  title: (row) => `${exact(row.inputTokens)} in, ${exact(row.outputTokens)} out`,
  room: "mid",
};
export const COST: Column = {
  head: "Cost",
  value: (row) => num(row.costNanoUsd),
  show: costOf,
  title: (row) => `${exactMoney(row.costNanoUsd)}, ${exact(row.unpriced)} calls without a price`,
};
export const FAILED: Column = {
  head: "Failed",
  value: (row) => num(row.errors),
  show: (row) => count(row.errors),
  title: (row) => exact(row.errors),
};
