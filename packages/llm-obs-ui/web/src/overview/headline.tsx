/** The figures of the whole time, each with how it stood in the time before. */

import type { ComponentChildren } from "preact";
import type { AggregateRow } from "../api/types.ts";
import { change, costOf, count, duration, exact, exactMoney, money, percent, trimmed } from "../logic/format.ts";
import { big, num } from "../logic/int64.ts";
import type { TimeWindow } from "../logic/window.ts";

interface Props {
  now: AggregateRow | undefined;
  before: AggregateRow | undefined;
  window: TimeWindow;
}

export function Headline({ now, before, window }: Props) {
  const minutes = (window.endMs - window.startMs) / 60_000;
  const requests = num(now?.requests);
  const cached = now ? num(now.cacheRead) / (num(now.inputTokens) || 1) : 0;
  const reasoning = now ? num(now.outputReasoning) / (num(now.outputTokens) || 1) : 0;
  const compared = (pick: (row: AggregateRow) => number | null | undefined) =>
    now && before ? change(pick(now) ?? NaN, pick(before) ?? NaN) : "";
  return (
    <dl class="headline">
      <Figure
        label="Requests"
        value={now ? count(requests) : "–"}
        title={exact(requests)}
        change={compared((row) => num(row.requests))}
      >
        {requests > 0 && `${perMinute(requests / minutes)}`}
      </Figure>
      <Figure
        label="Error rate"
        value={now ? percent(now.errorRate) : "–"}
        alarm={num(now?.errors) > 0}
        change={compared((row) => row.errorRate)}
      >
        {now && `${exact(now.errors)} failed`}
      </Figure>
      <Figure label="Latency P50" value={duration(now?.duration?.p50)} change={compared((row) => row.duration?.p50)}>
        {now?.duration && (
          <>
            P95 {duration(now.duration.p95)} · P99 {duration(now.duration.p99)}
          </>
        )}
      </Figure>
      <Figure label="First token P50" value={duration(now?.ttft?.p50)} change={compared((row) => row.ttft?.p50)}>
        {now?.ttft ? `P95 ${duration(now.ttft.p95)}` : now && "no streamed calls"}
      </Figure>
      <Figure
        label="Output speed"
        value={now?.tokensPerSecond ? count(round(now.tokensPerSecond)) : "–"}
        unit="tok/s"
        change={compared((row) => row.tokensPerSecond)}
      />
      <Figure
        label="Tokens in"
        value={now ? count(now.inputTokens) : "–"}
        title={now && exact(now.inputTokens)}
        change={compared((row) => num(row.inputTokens))}
      >
        {now && `${percent(cached)} from cache`}
      </Figure>
      <Figure
        label="Tokens out"
        value={now ? count(now.outputTokens) : "–"}
        title={now && exact(now.outputTokens)}
        change={compared((row) => num(row.outputTokens))}
      >
        {now && `${percent(reasoning)} reasoning`}
      </Figure>
      <Figure
        label="Cost"
        value={now ? costOf(now) : "–"}
        title={now && exactMoney(now.costNanoUsd)}
        change={compared((row) => num(row.costNanoUsd))}
      >
        {now &&
          (big(now.unpriced) > 0n
            ? `${now.costNanoUsd === "0" ? "" : "+ "}${exact(now.unpriced)} without a price`
            : `${money(num(now.costNanoUsd) / requests)} a call`)}
      </Figure>
    </dl>
  );
}

interface FigureProps {
  label: string;
  value: string;
  unit?: string;
  title?: string | undefined;
  change: string;
  alarm?: boolean;
  children?: ComponentChildren;
}

function Figure({ label, value, unit, title, change: changed, alarm, children }: FigureProps) {
  return (
    <div class={alarm ? "figure alarm" : "figure"}>
      <dt>
        {label}
        {changed && (
          <span class="change" title="against the time before, of the same length">
            {changed}
          </span>
        )}
      </dt>
      <dd class="value" title={title}>
        {value}
        {unit && value !== "–" && <span class="unit"> {unit}</span>}
      </dd>
      <dd class="aside">{children || "\u00a0"}</dd>
    </div>
  );
}

function perMinute(rate: number): string {
  if (rate >= 120) return `${trimmed(count(round(rate / 60)))} a second`;
  return rate >= 1 ? `${trimmed(count(round(rate)))} a minute` : `${trimmed(count(round(rate * 60)))} an hour`;
}

function round(value: number): number {
  return value >= 100 ? Math.round(value) : Math.round(value * 10) / 10;
}
