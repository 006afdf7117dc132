/** Loads for a component: old data stay while new ones come, polls rest while nobody looks. */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiError, signInNeeded, signIns } from "./client.ts";

export interface Load<T> {
  data: T | undefined;
  error: ApiError | undefined;
  loading: boolean;
  again: () => void;
}

/**
 * Calls `load` when `key` changes, after each sign-in, on `again`, and every `everyMs` after an answer (0: never).
 * An empty key loads nothing.
 */
export function useLoad<T>(key: string, load: (signal: AbortSignal) => Promise<T>, everyMs = 0): Load<T> {
  const [state, setState] = useState<{ data?: T; error?: ApiError; loading: boolean }>({ loading: key !== "" });
  const [turn, setTurn] = useState(0);
  const signedIn = signIns.use();
  const latest = useRef(load);
  latest.current = load;

  useEffect(() => {
    if (!key) return;
    const abort = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    latest.current(abort.signal).then(
      (data) => {
        if (!abort.signal.aborted) setState({ data, loading: false });
      },
      (error: unknown) => {
        if (abort.signal.aborted) return;
        const told = error instanceof ApiError ? error : new ApiError(String(error), 0);
        setState((before) => ({ ...before, error: told, loading: false }));
      },
    );
    return () => abort.abort();
  }, [key, turn, signedIn]);

  const again = useCallback(() => setTurn((value) => value + 1), []);
  useEffect(() => {
    if (!everyMs || state.loading || !key) return;
    const timer = setTimeout(() => {
      if (document.hidden) document.addEventListener("visibilitychange", again, { once: true });
      else if (!signInNeeded.get()) again();
    }, everyMs);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", again);
    };
  }, [everyMs, state, key, again]);

  return { data: state.data, error: state.error, loading: state.loading, again };
}
