/** The address bar is the state of the page: what a view shows can be linked, reloaded and gone back to. */

import { address, readPlace, type Place } from "./logic/place.ts";
import { createStore } from "./store.ts";

const here = (): Place => readPlace(location.pathname, location.search);
const place = createStore(here());

export const usePlace = (): Place => place.use();
export const currentPlace = (): Place => place.get();

export function go(path: string, params: URLSearchParams, options: { replace?: boolean } = {}): void {
  const to = address(path, params);
  if (to === location.pathname + location.search) return;
  const turned = path !== location.pathname;
  history[options.replace ? "replaceState" : "pushState"](null, "", to);
  place.set(here());
  if (turned) scrollTo(0, 0);
}

/** Other parameters on the same view. */
export function setParams(params: URLSearchParams, options: { replace?: boolean } = {}): void {
  go(location.pathname, params, options);
}

/** Links inside the page turn the view without loading it anew. */
export function startNavigation(): void {
  addEventListener("popstate", () => place.set(here()));
  document.addEventListener("click", (event) => {
    if (
      event.defaultPrevented ||
      event.button !== 0 ||
      event.metaKey ||
      event.ctrlKey ||
      event.shiftKey ||
      event.altKey
    )
      return;
    const link = (event.target as Element).closest("a");
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    event.preventDefault();
    const to = new URL(link.href);
    go(to.pathname, to.searchParams);
  });
}
