/** What the trace view fetches beyond the waterfall: details and content of the spans that are looked at. */

import { useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../api/client.ts";
import { SPAN_CONTENT, SPAN_DETAILS, type ContentAnswer, type DetailsAnswer } from "../api/documents.ts";
import { useLoad } from "../api/load.ts";
import type { SpanDetails } from "../api/types.ts";
import { messages, news, type Message } from "../logic/content.ts";

/** Details that were fetched, and which spans to fetch with one: those that somebody is likely to step to. */
export interface Fetched {
  seen: Map<string, SpanDetails>;
  around: (span: string) => string[];
}

const BEFORE = 2;
const AFTER = 8;

/** A store reads a trace as a whole, so that ten spans take no longer than one. */
export function newFetched(spans: readonly string[]): Fetched {
  const places = new Map(spans.map((span, place) => [span, place]));
  const seen = new Map<string, SpanDetails>();
  return {
    seen,
    around(span) {
      const place = places.get(span) ?? 0;
      const near = spans
        .slice(Math.max(0, place - BEFORE), place + AFTER + 1)
        .filter((one) => one !== span && !seen.has(one));
      return [span, ...near];
    },
  };
}

/** Details of one span; what is only passed by is not asked for. */
export function useDetails(
  trace: string,
  span: string,
  { seen, around }: Fetched,
): { details?: SpanDetails; error?: ApiError; again: () => void } {
  const [settled, setSettled] = useState("");
  useEffect(() => {
    const timer = setTimeout(() => setSettled(span), 60);
    return () => clearTimeout(timer);
  }, [span]);
  const wanted = seen.has(span) || settled !== span ? "" : span;
  const { data, error, again } = useLoad(wanted, async (signal) => {
    const answer = await ask<DetailsAnswer>(SPAN_DETAILS, { id: trace, spans: around(span) }, { signal });
    for (const one of answer.trace?.spans ?? []) seen.set(one.id, one);
    const found = seen.get(span);
    if (!found) throw new ApiError("The span is no longer stored.", 404);
    return found;
  });
  const details = seen.get(span) ?? (data?.id === span ? data : undefined);
  return { ...(details ? { details } : {}), ...(error && !details ? { error } : {}), again };
}

export interface Step {
  span: string;
  fresh: Message[];
  repeated: number;
  /** What the span's status says, when it says something. */
  message: string | null;
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
        const found = new Map((answer.trace?.spans ?? []).map((span) => [span.id, span]));
        const added = wanted.map((span) => ({
          span,
          ...news(messages(found.get(span)?.content ?? []), told.current),
          message: found.get(span)?.statusMessage ?? null,
        }));
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
