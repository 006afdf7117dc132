/** Light or dark: the system's, unless somebody chose. `public/theme.js` sets the choice before the first paint. */

import { createStore } from "./store.ts";

export type Theme = "system" | "light" | "dark";
const KEY = "llm-obs.theme";

function chosen(): Theme {
  const set = document.documentElement.dataset["theme"];
  return set === "light" || set === "dark" ? set : "system";
}

export const theme = createStore<Theme>(chosen());
/** Counts up when colours change, for what is drawn on a canvas. */
export const repaints = createStore(0);

const repaint = () => repaints.set(repaints.get() + 1);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

export function setTheme(next: Theme): void {
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  try {
    if (next === "system") localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, next);
  } catch {
    // Storage is off: the choice lasts until the page is left.
  }
  theme.set(next);
  repaint();
}

/** What a custom property of the style sheet looks like now, as a canvas can use it. */
export function colour(name: string): string {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  probe.hidden = true;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
