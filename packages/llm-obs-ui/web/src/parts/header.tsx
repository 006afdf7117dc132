/** The bar above every view. */

import { session, signOut, underWay } from "../api/client.ts";
import { address, carried, type Place } from "../logic/place.ts";
import { setTheme, theme, type Theme } from "../theme.ts";
import { helpOpen } from "./help.tsx";
import { Icon, type IconName } from "./icons.tsx";

const NEXT: Record<Theme, Theme> = { system: "light", light: "dark", dark: "system" };
const ICON: Record<Theme, IconName> = { system: "system", light: "sun", dark: "moon" };

export function Header({ place }: { place: Place }) {
  const params = carried(place.params);
  const link = (path: string, label: string, here: boolean) => (
    <a href={address(path, params)} aria-current={here ? "page" : undefined}>
      {label}
    </a>
  );
  const name = place.view.name;
  const chosen = theme.use();
  const signedIn = session.use();
  const busy = underWay.use() > 0;
  return (
    <header class="top">
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      <a class="brand" href={address("/", params)}>
        <svg viewBox="0 0 32 32" width="22" height="22" aria-hidden="true">
          <rect width="32" height="32" rx="7" />
          <path d="M7 9h12v4H7zM12 15h13v4H12zM9 21h7v4H9z" />
        </svg>
        llm-obs
      </a>
      <nav aria-label="Views">
        {link("/", "Overview", name === "overview")}
        {link("/traces", "Traces", name === "traces" || name === "trace")}
      </nav>
      <div class="top-end">
        {signedIn && (
          <button
            type="button"
            class="button quiet small"
            onClick={() => void signOut().catch(() => location.reload())}
          >
            Sign out
          </button>
        )}
        <button
          type="button"
          class="icon-button"
          onClick={() => setTheme(NEXT[chosen])}
          title={`Colours: ${chosen}`}
          aria-label={`Colours: ${chosen}. Change`}
        >
          <Icon name={ICON[chosen]} />
        </button>
        <button type="button" class="icon-button" onClick={() => helpOpen.set(true)} title="Keys (?)" aria-label="Keys">
          <span aria-hidden="true">?</span>
        </button>
      </div>
      <div class={busy ? "progress busy" : "progress"} aria-hidden="true" />
    </header>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
