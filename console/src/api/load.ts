/** One call whose answer a component shows: loading, failed, or there. */
import { useCallback, useEffect, useRef, useState } from 'react';
import { failureOf, get, type Failure } from './client';
import { whenReleased } from './pressed';

export interface Loaded<T> {
  data: T | null;
  failure: Failure | null;
  loading: boolean;
  again: () => void;
}

const REST_MS = 2000;

/** Asks again whenever `beat` is another one, with a rest in between; null: never. */
export function useLoaded<T>(path: string | null, beat: unknown = null, restMs = REST_MS): Loaded<T> {
  const [state, setState] = useState<{ data: T | null; failure: Failure | null; loading: boolean }>({
    data: null,
    failure: null,
    loading: path !== null,
  });
  const [turn, setTurn] = useState(0);
  const again = useCallback(() => setTurn((before) => before + 1), []);
  const asked = useRef(0);
  const seen = useRef(beat);
  useEffect(() => {
    if (!path) return undefined;
    const control = new AbortController();
    asked.current = Date.now();
    setState((before) => ({ ...before, loading: true }));
    const show = (next: Partial<Loaded<T>>) =>
      whenReleased(() => {
        if (!control.signal.aborted) setState((before) => ({ ...before, ...next, loading: false }));
      });
    get<T>(path, control.signal).then(
      (data) => show({ data, failure: null }),
      (problem) => show({ failure: failureOf(problem) }),
    );
    return () => control.abort();
  }, [path, turn]);
  useEffect(() => {
    if (beat === null || beat === seen.current) return undefined;
    const timer = setTimeout(() => {
      seen.current = beat;
      again();
    }, Math.max(0, asked.current + restMs - Date.now()));
    return () => clearTimeout(timer);
  }, [beat, restMs, again]);
  return { ...state, again };
}
