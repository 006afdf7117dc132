/** What a view says when it has nothing to show: the API's own words, and what can be done. */

import type { ComponentChildren } from "preact";
import { missing, type ApiError } from "../api/client.ts";
import { Icon } from "./icons.tsx";

export function Failure({ error, again, what }: { error: ApiError; again: () => void; what: string }) {
  return (
    <div class="notice failure" role="alert">
      <Icon name="error" />
      <div>
        <strong>{what} could not be loaded.</strong>
        <p class="said">{error.message}</p>
        <button type="button" class="button" onClick={again}>
          Try again
        </button>
      </div>
    </div>
  );
}

export function Nothing({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="notice nothing">
      <strong>{title}</strong>
      {children}
    </div>
  );
}

/** Stores that did not answer while others did: which, why, and what that means for what is shown. */
export function Missing() {
  const stores = new Map<string, Set<string>>();
  for (const { reader, said } of [...missing.use().values()].flat())
    stores.set(reader, (stores.get(reader) ?? new Set()).add(said));
  if (!stores.size) return null;
  const names = [...stores.keys()].join(", ");
  return (
    <div class="notice partial" role="status">
      <Icon name="error" />
      <div>
        <strong>
          Incomplete: {stores.size === 1 ? `the store ${names}` : `${stores.size} stores (${names})`} did not answer.
        </strong>
        <p>Lists, sums and traces below hold only what the other stores have.</p>
        {[...stores].map(([reader, said]) => (
          <p key={reader} class="said">
            {[...said].join("\n")}
          </p>
        ))}
      </div>
    </div>
  );
}
