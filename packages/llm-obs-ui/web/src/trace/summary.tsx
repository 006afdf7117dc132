/** The trace as a whole, above its spans. */

import type { TraceSummary } from "../api/types.ts";
import { clock, full } from "../logic/clock.ts";
import { count, duration, exact, exactMoney, money } from "../logic/format.ts";
import { millis, num } from "../logic/int64.ts";
import { address, carried } from "../logic/place.ts";
import { Copy } from "../parts/copy.tsx";
import { Icon } from "../parts/icons.tsx";

export function Summary({ summary, params }: { summary: TraceSummary; params: URLSearchParams }) {
  const at = millis(summary.startNs);
  return (
    <header class="trace-head">
      <div class="trace-title">
        <a
          class="icon-button"
          href={address("/traces", carried(params))}
          aria-label="Back to the traces"
          title="Back to the traces"
        >
          <Icon name="back" />
        </a>
        <h1 dir="auto">{summary.name || "(no name)"}</h1>
        {!summary.hasRoot && (
          <span class="badge" title="The root span was not received (yet)">
            no root
          </span>
        )}
        <span class="trace-id">
          <span class="mono">{summary.id}</span>
          <Copy text={() => summary.id} label="Copy the trace's id" />
          <Copy icon="link" text={() => `${location.origin}/traces/${summary.id}`} label="Copy a link to this trace" />
        </span>
      </div>
      <dl class="trace-facts">
        <Fact label="Started" title={full(at)} value={clock(at, Date.now())} />
        <Fact label="Duration" value={duration(num(summary.durationNs))} />
        {summary.ttftNs !== null && <Fact label="First token" value={duration(num(summary.ttftNs))} />}
        <Fact label="Calls / spans" value={`${exact(summary.callCount)} / ${exact(summary.spanCount)}`} />
        <Fact label="Failed" value={exact(summary.errorCount)} bad={summary.errorCount > 0} />
        <Fact
          label="Tokens"
          title={`${exact(summary.inputTokens)} in, ${exact(summary.outputTokens)} out`}
          value={`${count(summary.inputTokens)} → ${count(summary.outputTokens)}`}
        />
        <Fact
          label="Cost"
          title={summary.costNanoUsd === null ? "No price is known" : exactMoney(summary.costNanoUsd)}
          value={priced(summary)}
        />
        {summary.service && <Fact label="Service" value={summary.service} />}
        {summary.userId && (
          <Fact
            label="User"
            value={summary.userId}
            link={`/traces?${new URLSearchParams({ user: summary.userId, range: "30d" })}`}
          />
        )}
        {summary.sessionId && (
          <Fact
            label="Session"
            value={summary.sessionId}
            link={`/traces?${new URLSearchParams({ session: summary.sessionId, range: "30d" })}`}
          />
        )}
      </dl>
    </header>
  );
}

function priced({ costNanoUsd, unpricedCalls }: TraceSummary): string {
  if (costNanoUsd === null) return unpricedCalls ? "unpriced" : "–";
  return `${money(costNanoUsd)}${unpricedCalls ? ` + ${exact(unpricedCalls)} unpriced` : ""}`;
}

function Fact({
  label,
  value,
  title,
  bad,
  link,
}: {
  label: string;
  value: string;
  title?: string;
  bad?: boolean;
  link?: string;
}) {
  return (
    <div class={bad ? "bad" : undefined}>
      <dt>{label}</dt>
      <dd title={title ?? value}>{link ? <a href={link}>{value}</a> : value}</dd>
    </div>
  );
}
