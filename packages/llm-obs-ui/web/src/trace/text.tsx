/** Somebody else's text, as text: never markup, its direction kept to itself, its length kept in bounds. */

import { useState } from "preact/hooks";
import { exact } from "../logic/format.ts";
import { layOut } from "../logic/json.ts";
import { Copy } from "../parts/copy.tsx";

const SHORT = 1_400;
const SHORT_LINES = 22;
/** A text of megabytes is shown in helpings, so that the page answers meanwhile. */
const HELPING = 100_000;

/** A place to cut at or before `length` that splits no character. */
function cutAt(text: string, length: number): number {
  const code = text.charCodeAt(length - 1);
  return code >= 0xd800 && code < 0xdc00 ? length - 1 : length;
}

function shortLength(text: string): number {
  let at = -1;
  for (let line = 0; line < SHORT_LINES; line++) {
    at = text.indexOf("\n", at + 1);
    if (at < 0 || at > SHORT) return text.length > SHORT * 1.2 ? SHORT : text.length;
  }
  return Math.min(at, SHORT);
}

export function Text({ text, mono = false }: { text: string; mono?: boolean }) {
  const short = shortLength(text);
  const [length, setLength] = useState(short);
  const shown = length >= text.length ? text : text.slice(0, cutAt(text, length));
  return (
    <>
      <div class={mono ? "prose mono" : "prose"} dir="auto">
        {shown}
        {shown.length < text.length && "…"}
      </div>
      {text.length > short && (
        <div class="more-text">
          {shown.length < text.length && (
            <button type="button" class="button quiet small" onClick={() => setLength(length + HELPING)}>
              {text.length - length > HELPING
                ? `More of ${exact(text.length)} characters`
                : `All ${exact(text.length)} characters`}
            </button>
          )}
          {length > short && (
            <button type="button" class="button quiet small" onClick={() => setLength(short)}>
              Less
            </button>
          )}
        </div>
      )}
    </>
  );
}

const MOST_TOKENS = 4_000;
const FEW_TOKENS = 300;

/** JSON laid out and coloured; what is not JSON as plain text. */
export function Json({ json }: { json: string }) {
  const [all, setAll] = useState(false);
  const [raw, setRaw] = useState(false);
  const tokens = json.length <= 2_000_000 ? layOut(json) : null;
  if (!tokens) return <Text text={json} mono />;
  const long = tokens.length > FEW_TOKENS;
  const shown = all ? tokens.slice(0, MOST_TOKENS) : tokens.slice(0, FEW_TOKENS);
  const rest = all
    ? tokens
        .slice(MOST_TOKENS)
        .map((token) => token.text)
        .join("")
    : "";
  return (
    <div class="json">
      <div class="json-tools">
        <button type="button" class="button quiet small" aria-pressed={raw} onClick={() => setRaw(!raw)}>
          {raw ? "Laid out" : "As sent"}
        </button>
        <Copy text={() => json} label="Copy the JSON" />
      </div>
      {raw ? (
        <Text text={json} mono />
      ) : (
        <pre dir="ltr">
          {shown.map((token, at) =>
            token.kind === "mark" ? (
              token.text
            ) : (
              <span key={at} class={`j-${token.kind}`}>
                {token.text}
              </span>
            ),
          )}
          {rest}
          {!all && long && " …"}
        </pre>
      )}
      {!raw && long && (
        <button type="button" class="button quiet small" onClick={() => setAll(!all)}>
          {all ? "Less" : `All ${exact(json.length)} characters`}
        </button>
      )}
    </div>
  );
}
