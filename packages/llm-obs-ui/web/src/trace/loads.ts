/** What the trace view fetches beyond the waterfall: details and content of the spans that are looked at. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../api/client.ts";
import {
  INFO,
  SPAN_CONTENT,
  SPAN_DETAILS,
  type ContentAnswer,
  type DetailsAnswer,
  type InfoAnswer,
} from "../api/documents.ts";
import { useLoad } from "../api/load.ts";
import type { Info, SpanDetails } from "../api/types.ts";
import { messages, news, type Message } from "../logic/content.ts";

export function useInfo(): Info | undefined {
  return useLoad("info", (signal) => ask<InfoAnswer>(INFO, {}, { signal })).data?.info;
}

/** Details of one span; those that were seen are kept, and what is only passed by is not asked for. */
export function useDetails(
  trace: string,
  span: string,
  seen: Map<string, SpanDetails>,
): { details?: SpanDetails; error?: ApiError; again: () => void } {
  const [settled, setSettled] = useState(span);
  useEffect(() => {
    const timer = setTimeout(() => setSettled(span), 60);
    return () => clearTimeout(timer);
  }, [span]);
  const wanted = seen.has(span) || settled !== span ? "" : span;
  const { data, error, again } = useLoad(wanted, async (signal) => {
    const answer = await ask<DetailsAnswer>(SPAN_DETAILS, { id: trace, spans: [span] }, { signal });
    const found = answer.trace?.spans[0];
    if (!found) throw new ApiError("The span is no longer stored.", 404);
    seen.set(span, found);
    return found;
  });
  const details = seen.get(span) ?? (data?.id === span ? data : undefined);
  return { ...(details ? { details } : {}), ...(error && !details ? { error } : {}), again };
}

export interface Step {
  span: string;
  fresh: Message[];
  repeated: number;
}

const HELPING = 24;

/** The transcript, a helping of steps at a time, each with what the steps before did not say. */
export function useTranscript(trace: string, spans: readonly string[]) {
  const [state, setState] = useState<{ steps: Step[]; asked: number; error?: ApiError; loading: boolean }>({
    steps: [],
    asked: 0,
    loading: false,
  });
  const told = useRef(new Set<string>());
  const busy = useRef(false);
  const more = () => {
    if (busy.current || state.asked >= spans.length) return;
    busy.current = true;
    const wanted = spans.slice(state.asked, state.asked + HELPING);
    setState({ steps: state.steps, asked: state.asked, loading: true });
    ask<ContentAnswer>(SPAN_CONTENT, { id: trace, spans: wanted })
      .then((answer) => {
        const found = new Map((answer.trace?.spans ?? []).map((span) => [span.id, span.content]));
        const added = wanted.map((span) => ({ span, ...news(messages(found.get(span) ?? []), told.current) }));
        setState((now) => ({ steps: [...now.steps, ...added], asked: now.asked + wanted.length, loading: false }));
      })
      .catch((error: unknown) =>
        setState((now) => ({
          ...now,
          loading: false,
          error: error instanceof ApiError ? error : new ApiError(String(error), 0),
        })),
      )
      .finally(() => {
        busy.current = false;
      });
  };
  return { ...state, more, done: state.asked >= spans.length };
}
