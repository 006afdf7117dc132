/**
 * Conditions as chips, and one box to type more: `model:gpt-4o`, `min_duration:2s`, a part of a name, or the filter language:
 * `cost > 0.01 and content search refund`, which the server reads. What it says is wrong stands under the box.
 */

import { useId, useRef, useState } from "preact/hooks";
import { useKeys } from "../keys.ts";
import { applies, filterKey, parseTyped, readFilters, withFilter, withoutFilters } from "../logic/filters.ts";
import { setParams } from "../navigation.ts";
import { Icon } from "./icons.tsx";
import { suggestionsFor, useValues, type Suggestion } from "./suggest.ts";

interface Props {
  view: "overview" | "traces";
  params: URLSearchParams;
  startMs: number;
  /** What the server says is wrong with the filter that was typed. */
  wrong?: string | undefined;
}

export function FilterBar({ view, params, startMs, wrong }: Props) {
  const [typed, setTyped] = useState("");
  const [open, setOpen] = useState(false);
  const [active, setActive] = useState(-1);
  const box = useRef<HTMLInputElement>(null);
  const list = useId();
  const values = useValues(open ? typed : "", startMs);
  const offered = open ? suggestionsFor(typed, view, values) : [];
  const filters = readFilters(params);
  useKeys({ "/": () => box.current?.focus() });

  const set = (word: string, text: string) => {
    setParams(withFilter(params, word, text));
    setTyped("");
    setActive(-1);
    if (word === "where") setOpen(false); // what the server says of it stands where the suggestions do
  };
  const take = (suggestion: Suggestion | undefined) => {
    if (suggestion?.set) set(suggestion.set.word, suggestion.set.text);
    else if (suggestion?.fill) setTyped(suggestion.fill);
    setActive(-1);
    box.current?.focus();
  };
  const enter = () => {
    if (offered[active]) return take(offered[active]);
    const parsed = parseTyped(typed, filters.get("where"));
    const known = parsed && (view === "traces" || filterKey(parsed.word)?.measure);
    if (parsed && known) return set(parsed.word, parsed.text);
    // Half a key: the first that fits is meant.
    if (typed && offered[0]?.fill) take(offered[0]);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const move = (by: number) => {
      event.preventDefault();
      setOpen(true);
      if (offered.length) setActive((at) => (at + by + offered.length + (at < 0 && by < 0 ? 1 : 0)) % offered.length);
    };
    if (event.key === "ArrowDown") move(1);
    else if (event.key === "ArrowUp") move(-1);
    else if (event.key === "Enter") enter();
    else if (event.key === "Tab" && offered[active]?.fill) {
      event.preventDefault();
      take(offered[active]);
    } else if (event.key === "Backspace" && typed === "" && filters.size) {
      setParams(withFilter(params, [...filters.keys()].at(-1)!, null));
    } else if (event.key === "Escape" && (typed || open)) {
      event.preventDefault();
      setTyped("");
      if (!typed) box.current?.blur();
    }
  };

  return (
    <div class="filterbar" role="search" aria-label="Filters">
      <Icon name="search" />
      {[...filters].map(([word, text]) => (
        <Chip
          key={word}
          word={word}
          text={text}
          idle={!applies(word, text, view)}
          remove={() => setParams(withFilter(params, word, null))}
        />
      ))}
      <div class="filterbox">
        <input
          ref={box}
          type="text"
          role="combobox"
          aria-label="Add a filter"
          aria-expanded={offered.length > 0}
          aria-controls={list}
          aria-autocomplete="list"
          aria-activedescendant={active >= 0 ? `${list}-${active}` : undefined}
          placeholder={
            view === "traces"
              ? "Filter: a name, model:, min_duration:2s, cost > 0.01 and …"
              : "Filter: model:, user:, application: …"
          }
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          value={typed}
          onInput={(event) => {
            setTyped(event.currentTarget.value);
            setActive(-1);
            setOpen(true);
          }}
          onFocus={() => setOpen(true)}
          onBlur={() => setOpen(false)}
          onKeyDown={onKeyDown}
        />
        <ul id={list} role="listbox" aria-label="Suggestions" class="suggestions" hidden={!offered.length}>
          {offered.map((one, at) => (
            <li
              key={one.label}
              id={`${list}-${at}`}
              role="option"
              aria-selected={at === active}
              onMouseDown={(event) => {
                event.preventDefault();
                take(one);
              }}
            >
              <span class="suggested">{one.label}</span>
              <span class="hint">{one.hint}</span>
            </li>
          ))}
        </ul>
      </div>
      {wrong && (
        <p class="filter-wrong" role="alert">
          {wrong}
        </p>
      )}
      {filters.size > 0 && (
        <button type="button" class="button quiet small" onClick={() => setParams(withoutFilters(params))}>
          Clear
        </button>
      )}
      <kbd class="corner" aria-hidden="true">
        /
      </kbd>
    </div>
  );
}

function Chip({ word, text, idle, remove }: { word: string; text: string; idle: boolean; remove: () => void }) {
  const said = text === "" ? "(none)" : text;
  return (
    <button
      type="button"
      class={idle ? "chip idle" : "chip"}
      onClick={remove}
      title={idle ? "Does not count in this view; click to remove" : "Remove this filter"}
      aria-label={`Remove filter ${word}: ${said}`}
    >
      <span class="chip-word">{word}</span>
      <span class="chip-text">{said}</span>
      <Icon name="close" />
    </button>
  );
}
