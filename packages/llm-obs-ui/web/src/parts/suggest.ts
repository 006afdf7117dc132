/** What the filter box offers while somebody types: keys, then values with how many calls have them. */

import { useEffect, useState } from "preact/hooks";
import { ask } from "../api/client.ts";
import { VALUES, type ValuesAnswer } from "../api/documents.ts";
import { applies, apiValue, FILTER_KEYS, filterKey, isLanguage } from "../logic/filters.ts";
import { count } from "../logic/format.ts";
import { nanos } from "../logic/int64.ts";

export interface Suggestion {
  label: string;
  hint: string;
  /** What the box holds when this is taken … */
  fill?: string;
  /** … or the condition that is set. */
  set?: { word: string; text: string };
}

export function suggestionsFor(
  typed: string,
  view: "overview" | "traces",
  values: ValuesAnswer["values"],
): Suggestion[] {
  const colon = typed.indexOf(":");
  const key = colon > 0 ? filterKey(typed.slice(0, colon).trim().toLowerCase()) : undefined;
  const text = (key ? typed.slice(colon + 1) : typed).trim();
  if (!key) {
    const keys = FILTER_KEYS.filter(
      (one) => (view === "traces" || one.measure) && one.word.includes(text.toLowerCase()),
    );
    const offered = keys.map((one) => ({ label: `${one.word}:`, hint: one.hint, fill: `${one.word}:` }));
    if (!text || view === "overview") return offered;
    if (isLanguage(text)) return [{ label: `where ${text}`, hint: "Enter" }];
    return [...offered, { label: `name contains “${text}”`, hint: "Enter", set: { word: "name", text } }];
  }
  const set = (value: string, hint: string) => ({ label: value, hint, set: { word: key.word, text: value } });
  if (key.kind === "flag")
    return ["true", "false"].filter((word) => word.startsWith(text)).map((word) => set(word, ""));
  if (key.kind !== "value")
    return text && apiValue(key, text) !== undefined ? [set(text, "Enter")] : [{ label: key.hint, hint: "" }];
  const known = values.map((one) => set(one.value, one.requests === "1" ? "1 call" : `${count(one.requests)} calls`));
  return text && applies(key.word, text, view) && !values.some((one) => one.value === text)
    ? [...known, set(text, "as typed")]
    : known;
}

/** The commonest values of the key that is being typed; none for other keys. */
export function useValues(typed: string, startMs: number): ValuesAnswer["values"] {
  const [values, setValues] = useState<ValuesAnswer["values"]>([]);
  const colon = typed.indexOf(":");
  const measure = colon > 0 ? filterKey(typed.slice(0, colon).trim().toLowerCase())?.measure?.key : undefined;
  const prefix = typed.slice(colon + 1).trim();
  useEffect(() => {
    setValues([]);
    if (!measure) return;
    const abort = new AbortController();
    const timer = setTimeout(() => {
      ask<ValuesAnswer>(VALUES, { key: measure, prefix, start: nanos(startMs) }, { signal: abort.signal }).then(
        (answer) => setValues(answer.values),
        () => setValues([]), // A filter can be typed without completion.
      );
    }, 100);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [measure, prefix]);
  return values;
}
