/** What a view says when it has nothing to show: the API's own words, and what can be done. */

import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/client.ts";
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
