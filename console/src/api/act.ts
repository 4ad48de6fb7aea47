/** What a page asks of the service: one thing at a time, and why it was refused. */
import { useCallback, useRef, useState } from 'react';
import { failureOf, type Failure } from './client';

export interface Act {
  busy: boolean;
  failure: Failure | null;
  /** Does it, unless something is being done already; whether it went well. */
  run: (work: () => Promise<unknown>) => Promise<boolean>;
  forget: () => void;
}

export function useAct(): Act {
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  const running = useRef(false); // at once, where the state comes with the next picture: a second click finds it
  const run = useCallback(async (work: () => Promise<unknown>) => {
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    setFailure(null);
    try {
      await work();
      return true;
    } catch (problem) {
      setFailure(failureOf(problem));
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  }, []);
  const forget = useCallback(() => setFailure(null), []);
  return { busy, failure, run, forget };
}
