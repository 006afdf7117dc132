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

/** Stores that did not answer while others did. */
export function Missing() {
  const messages = new Set([...missing.use().values()].flat());
  if (!messages.size) return null;
  return (
    <div class="notice failure" role="status">
      <Icon name="error" />
      <div>
        <strong>A part is missing: not every store answered.</strong>
        <p class="said">{[...messages].join("\n")}</p>
      </div>
    </div>
  );
}
