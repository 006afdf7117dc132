/** The charts of the overview. Dragging over one chooses its time. */

import { useMemo } from "preact/hooks";
import type { AggregateRow } from "../api/types.ts";
import { costOf, count, duration, money } from "../logic/format.ts";
import { num } from "../logic/int64.ts";
import { Chart } from "../parts/chart.tsx";
import { countLayers, lineLayers, modelLayers, tokenLayers, total, type OverviewAnswer } from "./data.ts";

interface Props {
  answer: OverviewAnswer;
  onZoom: (fromMs: number, toMs: number) => void;
}

export function Charts({ answer, onZoom }: Props) {
  const { window } = answer;
  const rows = answer.series.series.rows;
  const all = total(answer.series.now.rows);
  const layers = useMemo(
    () => ({
      requests: countLayers(rows, window, [
        ["all", "--s1", (row) => num(row.requests)],
        ["failed", "--error-ink", (row) => num(row.errors)],
      ]),
      latency: lineLayers(
        rows,
        window,
        quantiles((row) => row.duration),
      ),
      ttft: lineLayers(
        rows,
        window,
        quantiles((row) => row.ttft),
      ),
      tokens: tokenLayers(rows, window),
      cost: modelLayers(answer.costs.rows ?? [], window),
      speed: lineLayers(rows, window, [["tokens a second", "--s2", (row) => row.tokensPerSecond]]),
    }),
    [answer],
  );
  const shared = { window, onZoom };
  const sum = (pick: (row: AggregateRow) => string) => (all ? pick(all) : "Nothing in this time");
  return (
    <div class="charts">
      <Chart
        {...shared}
        title="Requests"
        kind="bars"
        layers={layers.requests}
        format={count}
        summary={sum((row) => `${count(row.requests)} in all, ${count(row.errors)} failed`)}
      />
      <Chart
        {...shared}
        title="Latency"
        kind="lines"
        layers={layers.latency}
        format={duration}
        summary={sum((row) => `P50 ${duration(row.duration?.p50)}, P99 ${duration(row.duration?.p99)}`)}
      />
      <Chart
        {...shared}
        title="Time to first token"
        kind="lines"
        layers={layers.ttft}
        format={duration}
        summary={sum((row) => `P50 ${duration(row.ttft?.p50)}`)}
      />
      <Chart
        {...shared}
        title="Tokens"
        kind="stack"
        layers={layers.tokens}
        format={count}
        summary={sum((row) => `${count(row.inputTokens)} in, ${count(row.outputTokens)} out`)}
      />
      <Chart
        {...shared}
        title="Cost by model"
        kind="stack"
        layers={layers.cost}
        format={money}
        summary={answer.costs.error?.message ?? sum(costOf)}
      />
      <Chart
        {...shared}
        title="Output speed"
        kind="lines"
        layers={layers.speed}
        format={count}
        summary={sum((row) => `${count(Math.round(row.tokensPerSecond ?? 0))} tokens a second`)}
      />
    </div>
  );
}

type Quantile = [string, string, (row: AggregateRow) => number | null];

function quantiles(pick: (row: AggregateRow) => AggregateRow["duration"]): Quantile[] {
  return [
    ["P99", "--s5", (row) => pick(row)?.p99 ?? null],
    ["P95", "--s3", (row) => pick(row)?.p95 ?? null],
    ["P50", "--s1", (row) => pick(row)?.p50 ?? null],
  ];
}
