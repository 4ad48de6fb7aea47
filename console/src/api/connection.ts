/** Whether the service answers: known from the calls and streams themselves. */
import { useSyncExternalStore } from 'react';

let away = false;
const listeners = new Set<() => void>();

export function setAway(next: boolean): void {
  if (next === away) return;
  away = next;
  listeners.forEach((tell) => tell());
}

export function useAway(): boolean {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => away,
  );
}
