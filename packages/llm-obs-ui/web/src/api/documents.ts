/** The queries of the page. Each asks for what its view shows and no more. */

import type { Aggregate, Coverage, Info, SpanColumns, SpanDetails, TraceSummary } from "./types.ts";

const COVERAGE = "coverage { sources tiers basis freshToNs damaged }";
const FIGURES = `
  bucketNs keys requests errors errorRate inputTokens outputTokens inputUncached cacheRead cacheWrite5m cacheWrite1h
  audioIn imageIn outputText outputReasoning audioOut costNanoUsd unpriced
  duration { p50 p95 p99 } ttft { p50 p95 p99 } tokensPerSecond`;

export interface SeriesAnswer {
  now: Aggregate;
  before: { rows: Aggregate["rows"] };
  series: { rows: Aggregate["rows"] };
}

export const SERIES = `query Series($before: Int64!, $start: Int64!, $end: Int64!, $step: Int64!, $filter: MeasureFilter) {
  now: aggregate(startNs: $start, endNs: $end, filter: $filter) { rows { ${FIGURES} } ${COVERAGE} }
  before: aggregate(startNs: $before, endNs: $start, filter: $filter) { rows { ${FIGURES} } }
  series: aggregate(startNs: $start, endNs: $end, intervalNs: $step, filter: $filter) { rows { ${FIGURES} } }
}`;

export interface GroupsAnswer {
  groups: { rows: Aggregate["rows"] };
}

/** Cost a model and bucket. */
export const COSTS = `query Costs($start: Int64!, $end: Int64!, $step: Int64!, $filter: MeasureFilter) {
  groups: aggregate(groupBy: [MODEL], startNs: $start, endNs: $end, intervalNs: $step, filter: $filter) {
    rows { bucketNs keys costNanoUsd }
  }
}`;

/** A row a group. Each table asks for itself: one with too many groups takes no other with it. */
export const GROUPS = `query Groups($by: [MeasureKey!]!, $start: Int64!, $end: Int64!, $filter: MeasureFilter) {
  groups: aggregate(groupBy: $by, startNs: $start, endNs: $end, filter: $filter) { rows { ${FIGURES} } }
}`;

export interface TracesAnswer {
  traces: { nodes: TraceSummary[]; pageInfo: { hasNextPage: boolean; endCursor: string | null }; coverage: Coverage };
}

const SUMMARY = `id name service startNs durationNs hasRoot spanCount errorCount callCount inputTokens outputTokens
  costNanoUsd unpricedCalls ttftNs models userId sessionId application`;

export const TRACES = `query Traces(
  $where: FilterInput, $whereText: String, $startNs: Int64, $endNs: Int64, $first: Int!, $after: String
) {
  traces(where: $where, whereText: $whereText, startNs: $startNs, endNs: $endNs, first: $first, after: $after) {
    nodes { ${SUMMARY} } pageInfo { hasNextPage endCursor } ${COVERAGE}
  }
}`;

export interface TraceAnswer {
  trace: { summary: TraceSummary; columns: SpanColumns; coverage: Coverage } | null;
}

export const TRACE = `query Trace($id: ID!) {
  trace(id: $id) {
    summary { ${SUMMARY} } ${COVERAGE}
    columns {
      id parentId name startNs durationNs status errorType operation requestModel responseModel ttftNs costNanoUsd
      inputTokens outputTokens usageRole
    }
  }
}`;

export interface DetailsAnswer {
  trace: { spans: SpanDetails[] } | null;
}

const DETAILS = `id statusMessage kind service agent tool environment scopeName provider stream userId sessionId application promptName
  promptVersion priceId finishReason completeness httpStatus responseId attributes resource
  usage {
    inputTokens outputTokens inputUncached cacheRead cacheWrite5m cacheWrite1h audioIn imageIn outputText
    outputReasoning audioOut role basis
  }
  events { name timeNs attributes } links { traceId spanId attributes }
  content { slot index digest body bodyBytes }`;

export const SPAN_DETAILS = `query Details($id: ID!, $spans: [ID!]) {
  trace(id: $id) { spans(ids: $spans) { ${DETAILS} } }
}`;

export interface ContentAnswer {
  trace: { spans: Pick<SpanDetails, "id" | "statusMessage" | "content">[] } | null;
}

export const SPAN_CONTENT = `query Content($id: ID!, $spans: [ID!]) {
  trace(id: $id) { spans(ids: $spans) { id statusMessage content { slot index digest body bodyBytes } } }
}`;

export interface ValuesAnswer {
  values: { value: string; requests: string }[];
}

export const VALUES = `query Values($key: MeasureKey!, $prefix: String!, $start: Int64) {
  values(key: $key, prefix: $prefix, startNs: $start, first: 12) { value requests }
}`;

export interface InfoAnswer {
  info: Info;
}

export const INFO = "query Info { info { version readers tenants content receivers { protocol address } } }";
