/** The trace as a transcript: a step a call, with what it added to what was said before. */

import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Info, Span } from "../api/types.ts";
import { count, duration, exact, money } from "../logic/format.ts";
import { num } from "../logic/int64.ts";
import { KIND_COLOUR, KIND_LABEL, kindOf, steps } from "../logic/kind.ts";
import type { Tree } from "../logic/tree.ts";
import { Icon } from "../parts/icons.tsx";
import { Failure, Nothing } from "../parts/notice.tsx";
import { useTranscript, type Step } from "./loads.ts";
import { HiddenNotice, MessageView } from "./message.tsx";

interface Props {
  trace: string;
  tree: Tree<Span>;
  info: Info | undefined;
  onOpen: (span: string) => void;
}

export function Conversation({ trace, tree, info, onOpen }: Props) {
  const spans = useMemo(
    () => steps([...tree.nodes].sort((a, b) => a.startNs - b.startNs).map((node) => node.span)),
    [tree],
  );
  const byId = useMemo(() => new Map(spans.map((span) => [span.id, span])), [spans]);
  const ids = useMemo(() => spans.map((span) => span.id), [spans]);
  const transcript = useTranscript(trace, ids);
  const end = useRef<HTMLDivElement>(null);
  const ready = !transcript.done && !transcript.loading && !transcript.error;
  useEffect(() => {
    if (!ready || !end.current) return;
    const watch = new IntersectionObserver(
      (entries) => entries.some((entry) => entry.isIntersecting) && transcript.more(),
      { rootMargin: "800px" },
    );
    watch.observe(end.current);
    return () => watch.disconnect();
  }, [ready, transcript.asked]);
  const told = transcript.steps.filter(
    (step) =>
      step.fresh.length > 0 ||
      (step.message && failedSpan(byId.get(step.span)!)) ||
      kindOf(byId.get(step.span)!) === "model",
  );
  return (
    <section class="conversation" aria-label="Conversation">
      <HiddenNotice messages={told.flatMap((step) => step.fresh)} permitted={info?.content} />
      {transcript.done && told.length === 0 && (
        <Nothing title="No messages were recorded in this trace.">
          <p>Prompts and answers are recorded when the instrumentation is told to capture content.</p>
        </Nothing>
      )}
      {told.map((step) => (
        <StepView key={step.span} step={step} span={byId.get(step.span)!} onOpen={onOpen} />
      ))}
      <div ref={end} class="list-end">
        {transcript.error && <Failure error={transcript.error} again={transcript.more} what="The next steps" />}
        {!transcript.done && !transcript.error && (
          <span class="hint">Loading {exact(spans.length - transcript.asked)} more steps …</span>
        )}
      </div>
    </section>
  );
}

function failedSpan(span: Span): boolean {
  return span.status === "ERROR" || span.errorType !== null;
}

function StepView({ step, span, onOpen }: { step: Step; span: Span; onOpen: (span: string) => void }) {
  const kind = kindOf(span);
  const failed = failedSpan(span);
  return (
    <section class={`step card${failed ? " failed" : ""}`}>
      <header>
        <button type="button" class="step-open" onClick={() => onOpen(span.id)} title="Show this span in the waterfall">
          <span class="kind" style={{ background: `var(${KIND_COLOUR[kind]})` }} title={KIND_LABEL[kind]} />
          {failed && (
            <span class="error-mark">
              <Icon name="error" />
              <span class="visually-hidden">failed: </span>
            </span>
          )}
          <span class="name">{span.name || "(no name)"}</span>
        </button>
        <span class="step-facts number">
          {span.errorType && <span class="bad">{span.errorType}</span>}
          <span>{duration(num(span.durationNs))}</span>
          {span.ttftNs !== null && <span title="to the first token">{duration(num(span.ttftNs))} first</span>}
          {span.usage && (
            <span title="tokens in and out">
              {count(span.usage.inputTokens ?? 0)} → {count(span.usage.outputTokens ?? 0)}
            </span>
          )}
          {span.costNanoUsd !== null && <span>{money(span.costNanoUsd)}</span>}
        </span>
      </header>
      {failed && step.message && (
        <p class="step-error" dir="auto">
          {step.message}
        </p>
      )}
      {step.repeated > 0 && (
        <p class="repeated">
          {exact(step.repeated)} earlier {step.repeated === 1 ? "message" : "messages"}, shown above
        </p>
      )}
      <div class="messages">
        {step.fresh.map((message) => (
          <MessageView key={message.key} message={message} />
        ))}
      </div>
    </section>
  );
}
