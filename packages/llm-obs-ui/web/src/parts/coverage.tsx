/** What an answer rests on: how exact it is, which stores were asked, and up to when. */

import type { Coverage } from "../api/types.ts";
import { clock, full } from "../logic/clock.ts";
import { millis } from "../logic/int64.ts";

export function CoverageLine({ coverage, exact }: { coverage: Coverage | undefined; exact: string }) {
  if (!coverage) return <footer class="coverage">&nbsp;</footer>;
  const fresh = coverage.freshToNs === null ? null : millis(coverage.freshToNs);
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  return (
    <footer class="coverage">
      <span>{coverage.basis === "exact" ? exact : "Weighted: estimated from sampled spans."}</span>
      <span>
        {coverage.sources.join(", ")}
        {coverage.tiers.length > 0 && ` (${coverage.tiers.join(", ")})`}
      </span>
      {coverage.damaged.length > 0 && (
        <strong title={coverage.damaged.join("\n")}>
          {coverage.damaged.length === 1 ? "a file" : `${coverage.damaged.length} files`} cannot be read: what is in
          there is missing
        </strong>
      )}
      {fresh !== null && <span title={full(fresh)}>complete up to {clock(fresh, Date.now()).slice(0, -4)}</span>}
      <span>times in {zone}</span>
    </footer>
  );
}
