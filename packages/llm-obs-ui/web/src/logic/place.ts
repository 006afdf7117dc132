/** Addresses of the page and the views they name. */

export type View = { name: "overview" } | { name: "traces" } | { name: "trace"; id: string } | { name: "unknown" };

export interface Place {
  view: View;
  path: string;
  params: URLSearchParams;
}

export function readPlace(path: string, search: string): Place {
  const params = new URLSearchParams(search);
  const clean = path.length > 1 ? path.replace(/\/+$/, "") : path;
  return { view: readView(clean), path: clean, params };
}

function readView(path: string): View {
  if (path === "/" || path === "") return { name: "overview" };
  if (path === "/traces") return { name: "traces" };
  const trace = /^\/traces\/([0-9a-fA-F]{32})$/.exec(path);
  return trace ? { name: "trace", id: trace[1]!.toLowerCase() } : { name: "unknown" };
}

export function address(path: string, params: URLSearchParams): string {
  const query = params.toString();
  return query ? `${path}?${query}` : path;
}

/** Parameters that belong to one view only and are left behind on the way to another. */
const OWN = ["span", "view", "sort"];

export function carried(params: URLSearchParams): URLSearchParams {
  const next = new URLSearchParams(params);
  for (const name of OWN) next.delete(name);
  return next;
}
