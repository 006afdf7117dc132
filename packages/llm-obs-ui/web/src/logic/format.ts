/** Numbers as people read them: three significant digits, a unit always, the exact value for a title. */

import { big, type Int64 } from "./int64.ts";

/** Between a number and its unit: narrow, and no line ends there. */
const THIN = "\u202f";

const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Three significant digits, without a trailing point: 1.23, 12.3, 123. */
function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** Whole: `12,345`. */
export function exact(value: Int64 | number | bigint): string {
  return grouped.format(typeof value === "string" ? BigInt(value) : value);
}

/** Short: `9,999`, `12.3k`, `1.23M`. */
export function count(value: Int64 | number): string {
  const n = Number(value);
  const size = Math.abs(n);
  if (size < 10_000) return Number.isInteger(n) ? grouped.format(n) : digits(n);
  if (size < 999_500) return `${digits(n / 1e3)}k`;
  if (size < 999_500_000) return `${digits(n / 1e6)}M`;
  return `${digits(n / 1e9)}B`;
}

/** `0 ns` … `950 µs`, `12.3 ms`, `1.23 s`, `2 m 05 s`, `3 h 04 m`, `2 d 03 h`. */
export function duration(ns: number | null | undefined): string {
  if (ns === null || ns === undefined) return "–";
  if (ns < 0) return `−${duration(-ns)}`;
  if (ns < 1e3) return `${Math.round(ns)}${THIN}ns`;
  if (ns < 999_500) return `${digits(ns / 1e3)}${THIN}µs`;
  if (ns < 999.5e6) return `${digits(ns / 1e6)}${THIN}ms`;
  if (ns < 59.995e9) return `${digits(ns / 1e9)}${THIN}s`;
  const seconds = Math.round(ns / 1e9);
  if (seconds < 3600) return joined(Math.floor(seconds / 60), "m", seconds % 60, "s");
  const minutes = Math.round(seconds / 60);
  if (minutes < 1440) return joined(Math.floor(minutes / 60), "h", minutes % 60, "m");
  const hours = Math.round(minutes / 60);
  return joined(Math.floor(hours / 24), "d", hours % 24, "h");
}

function joined(large: number, largeUnit: string, small: number, smallUnit: string): string {
  return [large, largeUnit, two(small), smallUnit].join(THIN);
}

/** Dollars of nano-dollars: three significant digits, two below a tenth of a cent; null is unknown, never zero. */
export function money(nano: Int64 | number | bigint | null | undefined): string {
  if (nano === null || nano === undefined) return "–";
  const usd = Number(nano) / 1e9;
  const size = Math.abs(usd);
  if (size === 0) return "$0";
  if (size >= 999_500) return `$${digits(usd / 1e6)}M`;
  if (size >= 9_999.5) return `$${digits(usd / 1e3)}k`;
  if (size >= 99.995) return `$${grouped.format(usd)}`;
  if (size >= 0.995) return `$${usd.toFixed(2)}`;
  const places = Math.min(9, (size < 0.000995 ? 1 : 2) - Math.floor(Math.log10(size)));
  return `$${usd.toFixed(places)}`;
}

/** What calls cost together: unknown, not nothing, when no price was known for any of them. */
export function costOf(row: { costNanoUsd: Int64; unpriced: Int64 }): string {
  return row.costNanoUsd === "0" && row.unpriced !== "0" ? "–" : money(row.costNanoUsd);
}

/** Every digit of an amount: `$0.000450000`. */
export function exactMoney(nano: Int64 | bigint): string {
  const value = typeof nano === "string" ? big(nano) : nano;
  const size = value < 0n ? -value : value;
  const text = size.toString().padStart(10, "0");
  return `${value < 0n ? "−" : ""}$${exact(BigInt(text.slice(0, -9)))}.${text.slice(-9)}`;
}

/** `0 %`, `0.05 %`, `1.2 %`, `34 %`. */
export function percent(ratio: number): string {
  const value = ratio * 100;
  if (value === 0) return `0${THIN}%`;
  if (value < 0.01) return `<0.01${THIN}%`;
  return `${value.toFixed(value < 1 ? 2 : value < 9.95 ? 1 : 0)}${THIN}%`;
}

/** How `now` differs from `before`, signed; empty when there is nothing to compare. */
export function change(now: number, before: number): string {
  if (!before || !Number.isFinite(now) || !Number.isFinite(before)) return "";
  const ratio = now / before - 1;
  if (Math.abs(ratio) < 0.005) return `±0${THIN}%`;
  if (ratio >= 9) return `×${Math.round(now / before)}`;
  return `${ratio > 0 ? "+" : "−"}${Math.round(Math.abs(ratio) * 100)}${THIN}%`;
}

export function bytes(value: number): string {
  if (value < 1000) return `${value}${THIN}B`;
  if (value < 999_500) return `${digits(value / 1e3)}${THIN}kB`;
  return `${digits(value / 1e6)}${THIN}MB`;
}

/** Without zeros behind the point, for axes: `1.50 s` is `1.5 s`. */
export function trimmed(text: string): string {
  return text
    .replace(/(\.\d*?)0+(?!\d)/, "$1")
    .replace(/\.(?!\d)/, "")
    .replace(/\s00\s[smh]$/, "")
    .replace(/^0\s.*/, "0");
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
