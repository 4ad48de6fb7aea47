/** Kinds of endpoints: those the service has connectors for. */
import { useEffect, useSyncExternalStore } from 'react';
import { get } from '../api/client';
import type { Kind } from '../api/types';
import { labelOf } from './endpoint';

/** Other names of a kind, not offered a second time. */
const ALIASES = new Set(['postgres']);

let kinds: Kind[] | null = null;
const listeners = new Set<() => void>();

export function offered(all: readonly Kind[]): { value: string; label: string }[] {
  return all.filter((kind) => !ALIASES.has(kind.scheme)).map((kind) => ({ value: kind.scheme, label: labelOf(kind.scheme) }));
}

/** Every kind; empty until the service has said. */
export function useKinds(): readonly Kind[] {
  useEffect(() => {
    if (kinds) return;
    get<Kind[]>('/api/v1/kinds').then(
      (found) => {
        kinds = found;
        listeners.forEach((tell) => tell());
      },
      () => undefined, // the page itself tells that the service does not answer
    );
  }, []);
  return useSyncExternalStore(subscribe, () => kinds ?? NONE);
}

const NONE: readonly Kind[] = [];

function subscribe(tell: () => void): () => void {
  listeners.add(tell);
  return () => listeners.delete(tell);
}
