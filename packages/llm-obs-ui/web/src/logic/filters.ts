/** Conditions of a view: how they stand in the address, how a person types them, how the API wants them. */

import { nanos } from "./int64.ts";
import type { TimeWindow } from "./window.ts";

export type MeasureKey =
  | "MODEL"
  | "PROVIDER"
  | "USER_ID"
  | "APPLICATION"
  | "SERVICE"
  | "ENVIRONMENT"
  | "OPERATION"
  | "ERROR_TYPE"
  | "FINISH_REASON";

type Kind = "value" | "flag" | "text" | "duration" | "usd" | "count" | "where";

/** The API's FilterInput. */
export type Condition =
  { field: string; op: string; value: string | number | boolean } | { or: Condition[] } | { and: Condition[] };

export interface FilterKey {
  /** The word in the address and in the filter box. */
  word: string;
  hint: string;
  kind: Kind;
  /** The field of the filter language that traces are narrowed by (several: one of them), and its operator. */
  fields: readonly string[];
  op: string;
  /** The field of MeasureFilter and the key that completes values; none where only traces can be asked. */
  measure?: { field: string; key: MeasureKey };
}

export const FILTER_KEYS: readonly FilterKey[] = [
  value("model", "the model that answered, or was asked for", ["request_model", "response_model"], "model", "MODEL"),
  value("user", "user id", ["user_id"], "userId", "USER_ID"),
  value("application", "application", ["application"], "application", "APPLICATION"),
  value("service", "service.name", ["service"], "service", "SERVICE"),
  value("provider", "openai, anthropic, …", ["provider"], "provider", "PROVIDER"),
  value("environment", "production, staging, …", ["environment"], "environment", "ENVIRONMENT"),
  value("operation", "chat, embeddings, execute_tool, …", ["operation"], "operation", "OPERATION"),
  value("error_type", "RateLimitError, timeout, …", ["error_type"], "errorType", "ERROR_TYPE"),
  value("finish_reason", "stop, length, tool_call, …", ["finish_reason"], "finishReason", "FINISH_REASON"),
  // Whether a trace failed is whether it has a span with an error: see `condition`.
  { word: "error", hint: "true or false", kind: "flag", fields: ["trace.error_count"], op: "GT" },
  { word: "min_duration", hint: "250ms, 2s, 1m", kind: "duration", fields: ["trace.duration_ns"], op: "GTE" },
  { word: "max_duration", hint: "250ms, 2s, 1m", kind: "duration", fields: ["trace.duration_ns"], op: "LTE" },
  { word: "min_cost", hint: "dollars: 0.01", kind: "usd", fields: ["trace.cost_nano_usd"], op: "GTE" },
  { word: "min_tokens", hint: "1000", kind: "count", fields: ["trace.total_tokens"], op: "GTE" },
  { word: "session", hint: "conversation id", kind: "text", fields: ["session_id"], op: "EQ" },
  { word: "name", hint: "part of the root's name", kind: "text", fields: ["trace.name"], op: "CONTAINS" },
  { word: "id", hint: "first digits of a trace id", kind: "text", fields: ["trace_id"], op: "STARTS_WITH" },
  { word: "where", hint: "cost > 0.01 or content search refund", kind: "where", fields: [], op: "" },
];

function value(word: string, hint: string, fields: string[], field: string, key: MeasureKey): FilterKey {
  return { word, hint, kind: "value", fields, op: "EQ", measure: { field, key } };
}

export function filterKey(word: string): FilterKey | undefined {
  return FILTER_KEYS.find((key) => key.word === word);
}

/** Word to value. An empty value asks for calls without one, which only measures can. */
export type Filters = ReadonlyMap<string, string>;

export function readFilters(params: URLSearchParams): Filters {
  const filters = new Map<string, string>();
  for (const { word } of FILTER_KEYS) {
    const text = params.get(word);
    if (text !== null) filters.set(word, text);
  }
  return filters;
}

export function withFilter(params: URLSearchParams, word: string, text: string | null): URLSearchParams {
  const next = new URLSearchParams(params);
  if (text === null) next.delete(word);
  else next.set(word, text);
  return next;
}

export function withoutFilters(params: URLSearchParams): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const { word } of FILTER_KEYS) next.delete(word);
  return next;
}

const LANGUAGE =
  /^(not\b|\()|^[\w.]+(\."[^"]*")?\s*(=|!=|[<>]=?|~)|^[\w.]+(\."[^"]*")?\s+(not\s+)?(exists|in|contains|starts_with|ends_with|regex|search)\b/i;

/** Whether what was typed is of the filter language, which the server reads: `cost > 0.01 or error_type exists`. */
export function isLanguage(typed: string): boolean {
  return LANGUAGE.test(typed.trim());
}

/**
 * What was typed: `word:value`, the filter language, or a part of a name. Null when a value does not fit its key.
 * `where` is what of the language counts already: both have to hold then.
 */
export function parseTyped(typed: string, where = ""): { word: string; text: string } | null {
  const trimmed = typed.trim();
  if (isLanguage(trimmed)) return { word: "where", text: where ? `(${where}) and (${trimmed})` : trimmed };
  const colon = trimmed.indexOf(":");
  const key = colon > 0 ? filterKey(trimmed.slice(0, colon).trim().toLowerCase()) : undefined;
  if (!key) return trimmed ? { word: "name", text: trimmed } : null;
  const text = trimmed.slice(colon + 1).trim();
  return text && apiValue(key, text) !== undefined ? { word: key.word, text } : null;
}

const UNITS_NS: Record<string, number> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  "": 1e9,
  m: 60e9,
  min: 60e9,
  h: 3600e9,
};

/** The value as the API takes it; undefined when it does not fit. */
export function apiValue(key: FilterKey, text: string): string | boolean | undefined {
  switch (key.kind) {
    case "value":
    case "text":
    case "where":
      return text;
    case "flag":
      return text === "true" ? true : text === "false" ? false : undefined;
    case "duration": {
      const match = /^([0-9]*\.?[0-9]+)\s*(ns|us|µs|ms|s|m|min|h|)$/.exec(text);
      return match ? String(Math.round(Number(match[1]) * UNITS_NS[match[2]!]!)) : undefined;
    }
    case "usd":
      return /^\$?[0-9]*\.?[0-9]+$/.test(text) ? String(Math.round(Number(text.replace("$", "")) * 1e9)) : undefined;
    case "count":
      return /^[0-9]{1,15}$/.test(text) ? text : undefined;
  }
}

/** The condition of a key on traces. */
function condition(key: FilterKey, given: string | boolean): Condition {
  if (key.kind === "flag") return { field: key.fields[0]!, op: given ? key.op : "EQ", value: 0 };
  const some = key.fields.map((field) => ({ field, op: key.op, value: given }));
  return some.length === 1 ? some[0]! : { or: some };
}

/** The variables of the list of traces: a tree of what chips say, and the text that the server reads. */
export function traceFilter(filters: Filters, window: TimeWindow): Record<string, unknown> {
  const conditions: Condition[] = [];
  let whereText: string | null = null;
  for (const [word, text] of filters) {
    const key = filterKey(word);
    const given = key && text !== "" ? apiValue(key, text) : undefined;
    if (!key || given === undefined) continue;
    if (key.kind === "where") whereText = text;
    else conditions.push(condition(key, given));
  }
  return {
    startNs: nanos(window.startMs),
    endNs: nanos(window.endMs),
    where: conditions.length ? { and: conditions } : null,
    whereText,
  };
}

export function measureFilter(filters: Filters): Record<string, (string | null)[]> {
  const variables: Record<string, (string | null)[]> = {};
  for (const [word, text] of filters) {
    const measure = filterKey(word)?.measure;
    if (measure) variables[measure.field] = [text === "" ? null : text];
  }
  return variables;
}

/** Whether a condition counts in the view: the overview asks measures, the list asks traces. */
export function applies(word: string, text: string, view: "overview" | "traces"): boolean {
  const key = filterKey(word);
  if (!key) return false;
  return view === "overview" ? key.measure !== undefined : text !== "" && apiValue(key, text) !== undefined;
}
