/** One call whose answer a component shows: loading, failed, or there. */
import { useCallback, useEffect, useState } from 'react';
import { failureOf, get, type Failure } from './client';

export interface Loaded<T> {
  data: T | null;
  failure: Failure | null;
  loading: boolean;
  again: () => void;
}

export function useLoaded<T>(path: string | null, everyMs = 0): Loaded<T> {
  const [state, setState] = useState<{ data: T | null; failure: Failure | null; loading: boolean }>({
    data: null,
    failure: null,
    loading: path !== null,
  });
  const [turn, setTurn] = useState(0);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  useEffect(() => {
    if (!path) return undefined;
    const control = new AbortController();
    setState((before) => ({ ...before, loading: true }));
    get<T>(path, control.signal).then(
      (data) => setState({ data, failure: null, loading: false }),
      (problem) => {
        if (!control.signal.aborted) setState((before) => ({ ...before, failure: failureOf(problem), loading: false }));
      },
    );
    return () => control.abort();
  }, [path, turn]);
  useEffect(() => {
    if (!everyMs) return undefined;
    const timer = setInterval(again, everyMs);
    return () => clearInterval(timer);
  }, [everyMs, again]);
  return { ...state, again };
}
