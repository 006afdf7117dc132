/** What the documents beside this file ask for, as the API's schema types it. */

import type { Int64 } from "../logic/int64.ts";

export interface Coverage {
  sources: string[];
  tiers: string[];
  basis: string;
  freshToNs: Int64 | null;
  damaged: string[];
}

export interface Distribution {
  p50: number;
  p95: number;
  p99: number;
}

export interface AggregateRow {
  keys: Record<string, string | number | boolean | null>;
  bucketNs: Int64 | null;
  requests: Int64;
  errors: Int64;
  errorRate: number;
  inputTokens: Int64;
  outputTokens: Int64;
  inputUncached: Int64;
  cacheRead: Int64;
  cacheWrite5m: Int64;
  cacheWrite1h: Int64;
  audioIn: Int64;
  imageIn: Int64;
  outputText: Int64;
  outputReasoning: Int64;
  audioOut: Int64;
  costNanoUsd: Int64;
  unpriced: Int64;
  duration: Distribution | null;
  ttft: Distribution | null;
  tokensPerSecond: number | null;
}

export interface Aggregate {
  rows: AggregateRow[];
  coverage: Coverage;
}

export interface TraceSummary {
  id: string;
  name: string;
  service: string | null;
  startNs: Int64;
  durationNs: Int64;
  hasRoot: boolean;
  spanCount: number;
  errorCount: number;
  callCount: number;
  inputTokens: Int64;
  outputTokens: Int64;
  costNanoUsd: Int64 | null;
  unpricedCalls: number;
  ttftNs: Int64 | null;
  models: string[];
  userId: string | null;
  sessionId: string | null;
  application: string | null;
}

/** The spans of a trace as lists that are equally long. */
export interface SpanColumns {
  id: string[];
  parentId: (string | null)[];
  name: string[];
  startNs: Int64[];
  durationNs: Int64[];
  status: string[];
  errorType: (string | null)[];
  operation: (string | null)[];
  requestModel: (string | null)[];
  responseModel: (string | null)[];
  ttftNs: (Int64 | null)[];
  costNanoUsd: (Int64 | null)[];
  inputTokens: (Int64 | null)[];
  outputTokens: (Int64 | null)[];
  usageRole: (string | null)[];
}

/** A span as the waterfall needs it. */
export interface Span {
  id: string;
  parentId: string | null;
  name: string;
  startNs: Int64;
  durationNs: Int64;
  status: string;
  errorType: string | null;
  operation: string | null;
  requestModel: string | null;
  responseModel: string | null;
  ttftNs: Int64 | null;
  costNanoUsd: Int64 | null;
  usage: { inputTokens: Int64 | null; outputTokens: Int64 | null; role: string | null } | null;
}

export interface Usage {
  inputTokens: Int64 | null;
  outputTokens: Int64 | null;
  inputUncached: Int64 | null;
  cacheRead: Int64 | null;
  cacheWrite5m: Int64 | null;
  cacheWrite1h: Int64 | null;
  audioIn: Int64 | null;
  imageIn: Int64 | null;
  outputText: Int64 | null;
  outputReasoning: Int64 | null;
  audioOut: Int64 | null;
  role: string | null;
  basis: string | null;
}

export interface SpanDetails {
  id: string;
  statusMessage: string | null;
  kind: string;
  service: string | null;
  agent: string | null;
  tool: string | null;
  environment: string | null;
  scopeName: string | null;
  provider: string | null;
  stream: boolean | null;
  userId: string | null;
  sessionId: string | null;
  application: string | null;
  promptName: string | null;
  promptVersion: string | null;
  usage: Usage | null;
  priceId: string | null;
  finishReason: string | null;
  completeness: string | null;
  httpStatus: number | null;
  responseId: string | null;
  attributes: Record<string, unknown>;
  resource: Record<string, unknown>;
  events: { name: string; timeNs: Int64; attributes: Record<string, unknown> }[];
  links: { traceId: string; spanId: string; attributes: Record<string, unknown> }[];
  content: { slot: string; index: number; digest: string; body: string | null; bodyBytes: number }[];
}

export interface Info {
  version: string;
  readers: string[];
  tenants: string[];
  content: boolean;
  receivers: { protocol: string; address: string }[];
}
