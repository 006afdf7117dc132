/** Names and values as they are stored, to read, find and copy. */

import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { exact } from "../logic/format.ts";
import { valueText } from "../logic/json.ts";
import { Copy } from "../parts/copy.tsx";
import { Json, Text } from "./text.tsx";

const MANY = 14;

/** The name, which may go on in the next line behind a dot or an underscore. */
function breakable(name: string): ComponentChildren {
  return name.split(/(?<=[._/])/).flatMap((part, at) => (at ? [<wbr key={at} />, part] : [part]));
}

export function Attributes({ values, label }: { values: Record<string, unknown>; label: string }) {
  const [sought, setSought] = useState("");
  const entries = Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1));
  const found = sought
    ? entries.filter(([name, value]) => `${name} ${valueText(value)}`.toLowerCase().includes(sought.toLowerCase()))
    : entries;
  return (
    <>
      {entries.length > MANY && (
        <input
          type="search"
          class="field"
          placeholder={`Find in ${exact(entries.length)}`}
          aria-label={`Find in ${label}`}
          value={sought}
          onInput={(event) => setSought(event.currentTarget.value)}
        />
      )}
      <dl class="attributes">
        {found.map(([name, value]) => (
          <div key={name}>
            <dt dir="auto">{breakable(name)}</dt>
            <dd>
              {typeof value === "object" && value !== null ? (
                <Json json={valueText(value)} />
              ) : (
                <Text text={valueText(value)} mono />
              )}
              <Copy text={() => valueText(value)} label={`Copy the value of ${name}`} />
            </dd>
          </div>
        ))}
      </dl>
      {!found.length && <p class="hint">{entries.length ? "Nothing found." : "None."}</p>}
    </>
  );
}
