/** A trace as a line of the list. */

import { memo } from "../parts/memo.tsx";
import type { TraceSummary } from "../api/types.ts";
import { ago, clock, full } from "../logic/clock.ts";
import { count, duration, exact, exactMoney, money } from "../logic/format.ts";
import { millis, num } from "../logic/int64.ts";
import { Icon } from "../parts/icons.tsx";

interface Props {
  trace: TraceSummary;
  href: string;
  /** The bar's full width, nanoseconds. */
  scaleNs: number;
  now: number;
}

export const TraceRow = memo(function TraceRow({ trace, href, scaleNs, now }: Props) {
  const at = millis(trace.startNs);
  const took = num(trace.durationNs);
  const unpriced = trace.unpricedCalls > 0;
  return (
    <tr class={trace.errorCount ? "failed" : undefined}>
      <td class="when" title={full(at)}>
        <span class="ago">{ago(at, now)}</span>
        <span class="at">{clock(at, now)}</span>
      </td>
      <td class="what">
        <a class="row-link" href={href}>
          {trace.errorCount > 0 && (
            <span class="error-mark" title={`${exact(trace.errorCount)} of ${exact(trace.spanCount)} spans failed`}>
              <Icon name="error" />
              <span class="visually-hidden">failed: </span>
            </span>
          )}
          <span class="name">{trace.name || "(no name)"}</span>
          {!trace.hasRoot && (
            <span class="badge" title="The root span was not received (yet)">
              no root
            </span>
          )}
        </a>
        <span class="below">{[trace.service, trace.application].filter(Boolean).join(" · ")}</span>
      </td>
      <td class="models" title={trace.models.join(", ")}>
        {trace.models.length ? trace.models[0] : "–"}
        {trace.models.length > 1 && <span class="more-models"> +{trace.models.length - 1}</span>}
      </td>
      <td class="number took">
        <span class="took-text">{duration(took)}</span>
        <span class="took-track" aria-hidden="true">
          <span
            class={took > scaleNs ? "took-bar over" : "took-bar"}
            style={{ width: `${Math.min(100, Math.max(1, (took / (scaleNs || 1)) * 100))}%` }}
          />
        </span>
      </td>
      <td class="number ttft">{duration(trace.ttftNs === null ? null : num(trace.ttftNs))}</td>
      <td class="number calls" title={`${exact(trace.callCount)} model calls in ${exact(trace.spanCount)} spans`}>
        {count(trace.callCount)}
        <span class="of"> / {count(trace.spanCount)}</span>
      </td>
      <td class="number tokens" title={`${exact(trace.inputTokens)} in, ${exact(trace.outputTokens)} out`}>
        {count(trace.inputTokens)}
        <span class="of"> → {count(trace.outputTokens)}</span>
      </td>
      <td
        class="number cost"
        title={
          trace.costNanoUsd === null
            ? "No price is known"
            : `${exactMoney(trace.costNanoUsd)}${unpriced ? `, ${exact(trace.unpricedCalls)} calls without a price` : ""}`
        }
      >
        {money(trace.costNanoUsd)}
        {unpriced && trace.costNanoUsd !== null && <span class="of"> +?</span>}
      </td>
      <td class="who" title={[trace.userId, trace.sessionId].filter(Boolean).join(" · ")}>
        <span class="user">{trace.userId ?? "–"}</span>
        {trace.sessionId && <span class="below">{trace.sessionId}</span>}
      </td>
    </tr>
  );
});
