/** What is known of a span, a line a fact; those that are unknown are left out. */

import type { ComponentChildren } from "preact";
import type { Span, SpanDetails } from "../api/types.ts";
import { clock, full } from "../logic/clock.ts";
import { count, duration, percent, trimmed } from "../logic/format.ts";
import { millis, num } from "../logic/int64.ts";
import type { TreeNode } from "../logic/tree.ts";

type Fact = [label: string, value: ComponentChildren];

export function Facts({ node, details }: { node: TreeNode<Span>; details: SpanDetails | undefined }) {
  // What comes later stands later: nothing moves when it comes.
  const all = [...timing(node), ...what(node.span), ...(details ? more(details) : [])];
  const facts = all.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return (
    <dl class="facts">
      {facts.map(([label, value]) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd dir="auto">{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function timing(node: TreeNode<Span>): Fact[] {
  const { span } = node;
  const at = millis(span.startNs);
  const ttft = span.ttftNs === null ? null : num(span.ttftNs);
  const speed = num(span.usage?.outputTokens) / ((node.durationNs - (ttft ?? 0)) / 1e9);
  return [
    [
      "Started",
      <span title={full(at)}>
        {clock(at, Date.now())} <span class="row-aside">+{trimmed(duration(node.startNs - node.shiftNs))}</span>
      </span>,
    ],
    ["Duration", duration(num(span.durationNs))],
    [
      "First token",
      ttft === null ? null : (
        <>
          {duration(ttft)} <span class="row-aside">{percent(ttft / (node.durationNs || 1))} of it</span>
        </>
      ),
    ],
    [
      "Output speed",
      num(span.usage?.outputTokens) > 0 && Number.isFinite(speed)
        ? `${count(Math.round(speed * 10) / 10)} tok/s`
        : null,
    ],
  ];
}

function what(span: Span): Fact[] {
  const { requestModel: asked, responseModel: answered } = span;
  return [
    ["Model", asked && answered && asked !== answered ? `${asked} → ${answered}` : (answered ?? asked)],
    ["Operation", span.operation],
  ];
}

function more(details: SpanDetails): Fact[] {
  return [
    ["Provider", details.provider],
    ["Agent", details.agent],
    ["Tool", details.tool],
    ["Finish reason", details.finishReason],
    ["Completeness", details.completeness],
    ["HTTP status", details.httpStatus],
    ["Stream", details.stream === null ? null : details.stream ? "yes" : "no"],
    ["Service", linked("service", details.service)],
    ["User", linked("user", details.userId)],
    ["Session", linked("session", details.sessionId)],
    ["Application", linked("application", details.application)],
    ["Environment", linked("environment", details.environment)],
    [
      "Prompt",
      details.promptName && `${details.promptName}${details.promptVersion ? ` · ${details.promptVersion}` : ""}`,
    ],
    ["Response id", details.responseId && <span class="mono">{details.responseId}</span>],
    ["Kind", details.kind.toLowerCase()],
    ["Scope", details.scopeName],
  ];
}

function linked(word: string, value: string | null): ComponentChildren {
  if (!value) return null;
  return (
    <a
      href={`/traces?${new URLSearchParams({ [word]: value, range: "30d" }).toString()}`}
      title={`Traces with ${word} ${value}`}
    >
      {value}
    </a>
  );
}
