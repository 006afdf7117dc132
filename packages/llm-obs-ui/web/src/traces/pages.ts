/** The list of traces, page by page; new ones are put on top while the list is live. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, ask } from "../api/client.ts";
import { TRACES, type TracesAnswer } from "../api/documents.ts";
import { useLoad } from "../api/load.ts";
import type { Coverage, TraceSummary } from "../api/types.ts";
import { traceFilter, type Filters } from "../logic/filters.ts";
import { mergeNewest } from "../logic/merge.ts";
import { timeWindow, type Choice } from "../logic/window.ts";

const PAGE = 50;

export interface TraceList {
  traces: TraceSummary[] | undefined;
  coverage: Coverage | undefined;
  error: ApiError | undefined;
  moreError: ApiError | undefined;
  hasMore: boolean;
  loadingMore: boolean;
  more: () => void;
  again: () => void;
}

export function useTraces(choice: Choice, filters: Filters, everyMs: number): TraceList {
  const key = JSON.stringify([choice, [...filters]]);
  const [state, setState] = useState<{ key: string; traces: TraceSummary[]; cursor: string | null } | null>(null);
  const [more, setMore] = useState<{ loading: boolean; error?: ApiError }>({ loading: false });
  const fetchPage = (signal: AbortSignal | undefined, after: string | null) =>
    ask<TracesAnswer>(
      TRACES,
      { ...traceFilter(filters, timeWindow(choice, Date.now())), first: PAGE, after },
      signal ? { signal } : {},
    );

  const head = useLoad(key, async (signal) => ({ key, ...(await fetchPage(signal, null)).traces }), everyMs);
  useEffect(() => {
    const page = head.data;
    if (!page) return;
    const cursor = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    setState((before) => {
      const merged = before?.key === page.key ? mergeNewest(before.traces, page.nodes) : null;
      // Pages that were loaded stay while the newest ones join them; a gap between begins the list anew.
      return merged && before && before.traces.length > page.nodes.length
        ? { ...before, traces: merged }
        : { key: page.key, traces: page.nodes, cursor };
    });
    setMore({ loading: false });
  }, [head.data]);

  const latest = useRef(state);
  latest.current = state;
  const load = useCallback(() => {
    const from = latest.current;
    if (!from?.cursor) return;
    setMore({ loading: true });
    fetchPage(undefined, from.cursor).then(
      ({ traces: page }) => {
        setMore({ loading: false });
        setState((now) => {
          if (now?.key !== from.key) return now;
          const known = new Set(now.traces.map((trace) => trace.id));
          const fresh = page.nodes.filter((trace) => !known.has(trace.id));
          return {
            ...now,
            traces: [...now.traces, ...fresh],
            cursor: page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null,
          };
        });
      },
      (error: unknown) =>
        setMore({ loading: false, error: error instanceof ApiError ? error : new ApiError(String(error), 0) }),
    );
  }, [key]);

  return {
    traces: state?.key === key || head.loading ? state?.traces : head.data?.nodes,
    coverage: head.data?.coverage,
    error: head.error,
    moreError: more.error,
    hasMore: Boolean(state?.cursor),
    loadingMore: more.loading,
    more: load,
    again: head.again,
  };
}
