/** Light or dark: chosen, else the system's. */
import { useSyncExternalStore } from 'react';

const KEY = 'ferryman.look';
const listeners = new Set<() => void>();
let dark = initial();

function initial(): boolean {
  const kept = localStorage.getItem(KEY);
  return kept ? kept === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function show(): void {
  document.documentElement.dataset.look = dark ? 'dark' : 'light';
}

export function setDark(next: boolean): void {
  dark = next;
  localStorage.setItem(KEY, next ? 'dark' : 'light');
  show();
  listeners.forEach((tell) => tell());
}

export function useDark(): boolean {
  return useSyncExternalStore(
    (tell) => {
      listeners.add(tell);
      return () => listeners.delete(tell);
    },
    () => dark,
  );
}

export function useNarrow(): boolean {
  const narrow = matchMedia('(max-width: 760px)');
  return useSyncExternalStore(
    (tell) => {
      narrow.addEventListener('change', tell);
      return () => narrow.removeEventListener('change', tell);
    },
    () => narrow.matches,
  );
}

show();
