/** What answers: asked once a view. */

import { ask } from "./client.ts";
import { INFO, type InfoAnswer } from "./documents.ts";
import { useLoad } from "./load.ts";
import type { Info } from "./types.ts";

export function useInfo(): Info | undefined {
  return useLoad("info", (signal) => ask<InfoAnswer>(INFO, {}, { signal })).data?.info;
}
