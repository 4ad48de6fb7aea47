/** Whether the service answers: known from the calls and streams themselves. */
import { useSyncExternalStore } from 'react';
import { whenReleased } from './pressed';

let away = false;
const listeners = new Set<() => void>();

export function setAway(next: boolean): void {
  if (next === away) return;
  away = next;
  whenReleased(() => listeners.forEach((tell) => tell())); // a banner that comes or goes moves the page
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
